// What every interactive report shares: data out of the page, colours of its theme, charts that redraw themselves.
"use strict";
const gw = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const drawn = [];
  const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0)).buffer;
  const floats = (text) => new Float32Array(bytes(text));
  const integers = (text) => new Int32Array(bytes(text));
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const series = (number) => colour(`series-${(number % 6) + 1}`);
  const escape = (text) => echarts.format.encodeHTML(String(text));
  const number = (value) => value === null || value === undefined ? "" : Number.isFinite(value)
    ? String(Number(value.toPrecision(5))) : String(value);
  const finite = (values) => values.filter((value) => Number.isFinite(value));
  const extent = (values) => values.reduce(([low, high], value) => Number.isFinite(value)
    ? [Math.min(low, value), Math.max(high, value)] : [low, high], [Infinity, -Infinity]);

  // Text, lines and tooltips in the page's colours; every option of ours is merged over this.
  const basis = () => ({
    animation: false,
    backgroundColor: "transparent",
    textStyle: { color: colour("ink"), fontFamily: "system-ui, sans-serif" },
    tooltip: {
      confine: true, backgroundColor: colour("panel"), borderColor: colour("line"),
      textStyle: { color: colour("ink"), fontSize: 12 }, extraCssText: "max-width: 24rem; white-space: normal;",
    },
  });
  const axis = (more) => ({
    nameLocation: "middle", nameGap: 28, nameTextStyle: { color: colour("muted") },
    axisLabel: { color: colour("muted"), hideOverlap: true }, axisLine: { lineStyle: { color: colour("line") } },
    axisTick: { lineStyle: { color: colour("line") } }, splitLine: { lineStyle: { color: colour("grid") } }, ...more,
  });

  // Draws into the element with this id what `options()` says: when it first comes near the view, and whenever
  // `gw.redraw` or the theme says so. `canvas` is for what is too much for SVG; `fit` sets the element's height before.
  function chart(id, options, { onClick, fit, canvas = false } = {}) {
    const place = document.getElementById(id);
    if (!place) return;
    const entry = { id, place, made: null };
    entry.draw = () => {
      if (fit) fit(place);
      if (!entry.made) {
        entry.made = echarts.init(place, null, { renderer: canvas ? "canvas" : "svg" });
        if (onClick) entry.made.on("click", onClick);
      }
      if (fit) entry.made.resize();
      entry.made.setOption({ ...basis(), ...options() }, { notMerge: true });
    };
    drawn.push(entry);
    near.observe(place);
  }
  const near = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) if (isIntersecting) {
      near.unobserve(target);
      drawn.filter(({ place, made }) => place === target && !made).forEach(({ draw }) => draw());
    }
  }, { rootMargin: "300px" });
  const redraw = (...ids) => drawn.filter(({ id, made }) => made && (!ids.length || ids.includes(id))).forEach(({ draw }) => draw());
  const drawAll = () => drawn.filter(({ made }) => !made).forEach(({ draw }) => draw());
  // Paper is narrower than most windows: the charts are drawn anew for its width, and again for the window's afterwards.
  const paper = (printing) => {
    document.documentElement.classList.toggle("printing", printing);
    if (printing) drawAll();
    resize(); redraw();
  };
  addEventListener("beforeprint", () => paper(true));
  addEventListener("afterprint", () => paper(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { resize(); redraw(); }, 100);
  });
  const resize = () => drawn.filter(({ made }) => made).forEach(({ made }) => made.resize());
  const say = (text) => { document.getElementById("said").textContent = text; };
  const control = (id, event, act) => document.getElementById(id)?.addEventListener(event, act);
  return { data, floats, integers, colour, series, escape, number, finite, extent, axis, chart, redraw, resize, drawAll, say, control };
})();
