// The charts of a page about tensors. One tensor is chosen; a click, the arrow keys or a select choose another.
"use strict";
(() => {
  const { data, colour, series, escape, number, extent, axis, chart, redraw, say, control } = gw;
  const value = (id) => Number(document.getElementById(id).value);
  let chosen = 0, shown = [];

  const rows = () => {
    const select = document.getElementById("collection"), name = select.options[select.selectedIndex].text;
    return [...data.tensors.keys()].filter((place) => name === "all" || data.tensors[place].collection === name);
  };
  function layers() {
    const figure = data.figures[value("figure")], steps = [...new Set(shown.flatMap((place) => data.tensors[place].steps))].sort((a, b) => a - b);
    const column = new Map(steps.map((step, at) => [step, at]));
    const cells = shown.flatMap((place, row) => data.tensors[place].steps.map((step, at) => [column.get(step), row, data.tensors[place].figures[figure.name][at]]))
      .filter(([, , amount]) => amount !== null);
    const sorted = cells.map(([, , amount]) => amount).sort((a, b) => a - b);
    const [low, high] = [sorted[Math.floor(sorted.length * 0.02)] ?? 0, sorted[Math.ceil(sorted.length * 0.98) - 1] ?? 1];
    return {
      grid: { left: 8, right: 24, top: 8, bottom: 84, containLabel: true },
      xAxis: axis({ type: "category", data: steps, name: "step", splitLine: { show: false } }),
      yAxis: axis({ type: "category", inverse: true, data: shown.map((place) => data.tensors[place].name), splitLine: { show: false },
        axisLabel: { color: (name) => name === data.tensors[chosen]?.name ? colour("series-2") : colour("ink"), formatter: (name) => name.length > 40 ? `…${name.slice(-39)}` : name } }),
      visualMap: { min: low, max: low === high ? low + 1 : high, calculable: true, orient: "horizontal", left: "center", bottom: 0, itemHeight: 160, precision: 4,
        textStyle: { color: colour("muted") }, formatter: number, inRange: { color: [colour("grid"), colour("series-1"), colour("ink")] } },
      series: [{ type: "heatmap", data: cells, progressive: 0, cursor: "pointer",
        tooltip: { formatter: ({ value: [at, row, amount] }) => `<b>${escape(data.tensors[shown[row]].name)}</b><br>step ${steps[at]}: ${escape(figure.words)} ${number(amount)}` } }],
    };
  }
  const bin = (tensor, at) => tensor.low + (tensor.high - tensor.low) * at / tensor.histograms[0].length;
  function histograms() {
    const tensor = data.tensors[chosen];
    const cells = tensor.histograms.flatMap((counts, at) => {
      const all = counts.reduce((sum, count) => sum + count, 0) || 1;
      return counts.map((count, place) => [at, place, count / all]).filter(([, , share]) => share > 0);
    });
    return {
      grid: { left: 8, right: 24, top: 8, bottom: 84, containLabel: true },
      xAxis: axis({ type: "category", data: tensor.steps, name: "step", splitLine: { show: false } }),
      yAxis: axis({ type: "category", data: tensor.histograms[0].map((_, place) => number(bin(tensor, place))), splitLine: { show: false } }),
      visualMap: { min: 0, max: Math.max(...cells.map(([, , share]) => share), 0.01), calculable: true, orient: "horizontal", left: "center", bottom: 0, itemHeight: 160,
        textStyle: { color: colour("muted") }, formatter: (share) => `${number(share * 100)} %`, inRange: { color: [colour("grid"), colour("series-1"), colour("ink")] } },
      series: [{ type: "heatmap", data: cells, progressive: 0,
        tooltip: { formatter: ({ value: [at, place, share] }) => `step ${tensor.steps[at]}: ${number(share * 100)} % from ${number(bin(tensor, place))} to ${number(bin(tensor, place + 1))}` } }],
    };
  }
  function histogram() {
    const tensor = data.tensors[chosen], counts = tensor.histograms[value("step")];
    return {
      grid: { left: 8, right: 24, top: 8, bottom: 40, containLabel: true },
      xAxis: axis({ type: "category", data: counts.map((_, place) => number(bin(tensor, place))), name: "value" }),
      yAxis: axis({ type: "value" }),
      series: [{ type: "bar", data: counts, barCategoryGap: "5%", color: colour("series-1"),
        tooltip: { formatter: ({ dataIndex, value: count }) => `${number(bin(tensor, dataIndex))} to ${number(bin(tensor, dataIndex + 1))}: ${count}` } }],
    };
  }
  function figures() {
    const tensor = data.tensors[chosen];
    return {
      grid: { left: 8, right: 24, top: 32, bottom: 40, containLabel: true }, legend: { top: 0, textStyle: { color: colour("ink") } },
      xAxis: axis({ type: "category", data: tensor.steps, name: "step" }), yAxis: axis({ type: "value", scale: true }),
      tooltip: { trigger: "axis", confine: true, backgroundColor: colour("panel"), borderColor: colour("line"), textStyle: { color: colour("ink"), fontSize: 12 }, valueFormatter: number },
      series: ["mean", "std", "min", "max"].map((name, at) => ({ type: "line", name, data: tensor.figures[name], color: series(at), showSymbol: tensor.steps.length < 30,
        lineStyle: { type: ["solid", "dashed", "dotted", "dotted"][at] } })),
    };
  }
  function importance() {
    const select = document.getElementById("kind"), features = data.importances[select.options[select.selectedIndex].text];
    return {
      grid: { left: 8, right: 24, top: 64, bottom: 40, containLabel: true }, legend: { top: 0, type: "scroll", textStyle: { color: colour("ink") } },
      xAxis: axis({ type: "value", name: "round", min: "dataMin", max: "dataMax" }), yAxis: axis({ type: "value" }),
      series: features.map(({ feature, steps, values }, at) => ({ type: "line", name: feature, color: series(at), showSymbol: steps.length < 30,
        lineStyle: { type: ["solid", "dashed", "dotted"][Math.floor(at / 6) % 3] }, data: steps.map((step, place) => [step, values[place]]),
        tooltip: { formatter: ({ value: [step, amount] }) => `<b>${escape(feature)}</b><br>round ${step}: ${number(amount)}` } })),
    };
  }
  function choose(place) {
    chosen = place;
    const tensor = data.tensors[place], slider = document.getElementById("step");
    slider.max = tensor.steps.length - 1;
    slider.value = slider.max;
    document.getElementById("chosen").textContent = `${tensor.name}, ${tensor.shape.join(" x ")}, ${tensor.collection}`;
    at();
    say(`${tensor.name}: at step ${tensor.steps[tensor.steps.length - 1]} from ${number(tensor.figures.min.at(-1))} to ${number(tensor.figures.max.at(-1))}`);
  }
  function at() {
    const tensor = data.tensors[chosen];
    document.getElementById("at").textContent = tensor.steps[value("step")];
  }
  if (data.tensors.length) {
    const relist = () => {
      shown = rows();
      document.getElementById("layers").style.height = `${Math.min(900, 130 + 22 * shown.length)}px`;
    };
    relist();
    choose(0);
    chart("layers", layers, { onClick: (event) => { choose(shown[event.value[1]]); redraw(); } });
    chart("histograms", histograms);
    chart("histogram", histogram);
    chart("figures", figures);
    control("figure", "change", () => redraw("layers"));
    control("step", "input", () => { at(); redraw("histogram"); });
    control("collection", "change", () => { relist(); choose(shown[0]); gw.resize(); redraw(); });
    control("layers", "keydown", (event) => {
      const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      choose(shown[Math.max(0, Math.min(shown.length - 1, shown.indexOf(chosen) + by))]);
      redraw();
    });
  }
  if (Object.keys(data.importances).length) {
    chart("importance", importance);
    control("kind", "change", () => redraw("importance"));
  }
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
