// The charts of an experiment's report. One selection of trials is shown in all of them and in the leaderboard.
"use strict";
(() => {
  const { data, floats, integers, colour, series, escape, number, finite, extent, axis, chart, redraw, say } = gw;
  const { trials, objective } = data;
  const count = trials.id.length;
  const byPlace = [...trials.id.keys()].filter((trial) => trials.place[trial]).sort((a, b) => trials.place[a] - trials.place[b]);
  const others = [...trials.id.keys()].filter((trial) => !trials.place[trial]);
  const order = [...byPlace, ...others];
  const MOST = 6; // as many as there are colours
  let selected = byPlace.slice(0, Math.min(3, count > 6 ? 3 : 1));

  const title = (trial) => `${trials.place[trial] ? `${trials.place[trial]}. ` : ""}${trials.id[trial]}`;
  const hyperparameters = (trial) => data.varied
    .filter((name) => data.parameters[name][trial] !== null)
    .map((name) => `${name} ${show(data.parameters[name][trial])}`).join(", ");
  const show = (value) => typeof value === "number" ? number(value) : String(value);
  const about = (trial) => `<b>${escape(title(trial))}</b> ${escape(trials.state[trial])}<br>` +
    (trials.value[trial] === null ? "" : `${escape(objective.metric)} ${number(trials.value[trial])}<br>`) +
    escape(hyperparameters(trial));
  // From the best trials' colour to the grey of the last, in the order of the leaderboard.
  const shade = (trial) => {
    const place = trials.place[trial];
    return !place ? colour("alarm") : echarts.color.lerp((place - 1) / Math.max(1, byPlace.length - 1),
      [colour("series-1"), colour("series-6")]);
  };
  const faint = Math.max(0.16, Math.min(0.75, 40 / Math.max(count, 1)));

  // Selection ---------------------------------------------------------------------------------------------------------
  function select(trial, on = !selected.includes(trial)) {
    selected = selected.filter((each) => each !== trial);
    if (on) selected = [...selected, trial].slice(-MOST);
    marked();
    redraw("curves", "parallel", "slices");
    const result = trials.value[trial] === null ? trials.state[trial] : `${objective.metric} ${number(trials.value[trial])}`;
    say(`${on ? "Selected" : "No longer selected"}: ${title(trial)}, ${result}, ${hyperparameters(trial)}`);
  }
  function marked() {
    for (const button of document.querySelectorAll("#leaderboard button[data-trial]")) {
      const at = selected.indexOf(Number(button.dataset.trial));
      button.setAttribute("aria-pressed", String(at >= 0));
      button.style.setProperty("--mark", at >= 0 ? series(at) : "transparent");
    }
  }
  // Arrow keys go through the trials, the best first.
  function step(event) {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined || !count) return;
    event.preventDefault();
    const at = selected.length ? order.indexOf(selected[selected.length - 1]) : by > 0 ? -1 : count;
    selected = [];
    select(order[Math.max(0, Math.min(count - 1, at + by))], true);
  }
  document.querySelectorAll(".plot.trials").forEach((plot) => plot.addEventListener("keydown", step));

  // Learning curves ---------------------------------------------------------------------------------------------------
  const pools = data.steps.map(integers);
  const metrics = data.metrics.map((metric) => {
    const values = floats(metric.values), starts = [];
    metric.points.reduce((start, points) => { starts.push(start); return start + points; }, 0);
    const at = new Map(metric.trials.map((trial, place) => [trial, place]));
    const made = new Map(); // the finite points of a trial, worked out once
    const curve = (trial) => {
      if (!made.has(trial)) made.set(trial, points(trial));
      return made.get(trial);
    };
    const points = (trial) => {
      const place = at.get(trial);
      if (place === undefined) return [];
      const steps = pools[metric.pools[place]], start = starts[place];
      const found = [];
      for (let n = 0; n < metric.points[place]; n += 1) {
        if (Number.isFinite(values[start + n])) found.push([steps[n], values[start + n]]);
      }
      return found;
    };
    return { name: metric.name, axis: metric.axis, trials: metric.trials, curve, values };
  });
  const chosen = () => metrics[Number(document.getElementById("metric").value)];
  const logarithmic = () => document.getElementById("logarithmic").checked;

  function frontier(metric) { // the best value that any trial had by then
    const better = objective.direction === "maximize" ? Math.max : Math.min;
    const best = new Map();
    for (const trial of metric.trials) for (const [at, value] of metric.curve(trial)) {
      best.set(at, best.has(at) ? better(best.get(at), value) : value);
    }
    let last;
    return [...best].sort((a, b) => a[0] - b[0]).map(([at, value]) => [at, last = last === undefined ? value : better(last, value)]);
  }
  function fired(metric) {
    return data.findings.filter((finding) => finding.metric === metric.name && finding.step !== null).flatMap((finding) => {
      const before = metric.curve(finding.trial).filter(([at]) => at <= finding.step);
      return before.length ? [{ value: [finding.step, before[before.length - 1][1]], finding }] : [];
    });
  }
  function curves() {
    const metric = chosen(), log = logarithmic();
    const usable = (points) => log ? points.filter(([, value]) => value > 0) : points;
    const all = metric.trials.map((trial) => ({ trial, coords: usable(metric.curve(trial)) })).filter(({ coords }) => coords.length);
    const [first, last] = extent(all.flatMap(({ coords }) => [coords[0][0], coords[coords.length - 1][0]]));
    const known = all.flatMap(({ coords }) => coords.map(([, value]) => value)).sort((a, b) => a - b);
    // A trial that diverged must not flatten the others: the axis ends at their values unless it is asked for.
    const whole = document.getElementById("everything").checked || known.length < 100;
    const [low, high] = whole ? [known[0], known[known.length - 1]] : robust(known);
    const pad = log ? 0 : (high - low) * 0.04 || Math.abs(high) * 0.05 || 1;
    return {
      grid: { left: 64, right: 16, top: 44, bottom: 44 },
      legend: { top: 0, type: "scroll", textStyle: { color: colour("ink") }, pageTextStyle: { color: colour("muted") },
        data: [...selected.filter((trial) => metric.trials.includes(trial)).map(title), ...(objective.ranks.includes(metric.name) ? ["best so far"] : []), ...(fired(metric).length ? ["finding"] : [])] },
      xAxis: axis({ type: "value", name: metric.axis, min: first, max: first === last ? last + 1 : last, splitLine: { show: false } }),
      yAxis: axis({ type: log ? "log" : "value", name: metric.name, nameGap: 46, min: rounded(low - pad), max: rounded(high + pad),
        axisLabel: { color: colour("muted"), hideOverlap: true, showMinLabel: log, showMaxLabel: log } }),
      series: [
        { type: "lines", coordinateSystem: "cartesian2d", polyline: true, name: "trials", clip: true,
          data: all.map(({ trial, coords }) => ({ name: trial, coords: coords.length > 1 ? coords : [coords[0], coords[0]], lineStyle: { color: shade(trial), opacity: faint, width: 1 } })),
          tooltip: { formatter: ({ name }) => about(Number(name)) }, emphasis: { lineStyle: { width: 3, opacity: 1 } } },
        ...selected.flatMap((trial, at) => metric.trials.includes(trial) ? [{ type: "line", name: title(trial), showSymbol: metric.curve(trial).length < 40, symbolSize: 5,
          data: usable(metric.curve(trial)), color: series(at), lineStyle: { width: 2.5, type: ["solid", "dashed", "dotted"][at % 3] }, z: 5,
          tooltip: { formatter: ({ value }) => `${about(trial)}<br>step ${value[0]}: ${number(value[1])}` } }] : []),
        ...(objective.ranks.includes(metric.name) ? [{ type: "line", name: "best so far", step: "end", data: usable(frontier(metric)), showSymbol: false, color: colour("ink"), lineStyle: { width: 1.5, type: [2, 3] }, z: 4,
          markLine: budgets(first, last) }] : []),
        { type: "scatter", name: "finding", symbol: "triangle", symbolSize: 12, color: colour("alarm"), z: 8, data: fired(metric),
          itemStyle: { borderColor: colour("panel"), borderWidth: 1 },
          tooltip: { formatter: ({ data: { finding } }) => `<b>${escape(finding.rule)}</b> at step ${finding.step}: ${escape(finding.text)}<br>${escape(finding.action)}<br>${about(finding.trial)}` } },
      ],
      toolbox: { show: !document.documentElement.classList.contains("printing"), right: 0, top: 22, itemSize: 13, iconStyle: { borderColor: colour("muted") }, feature: { dataZoom: { title: { zoom: "zoom into a part", back: "zoom back" } }, restore: { title: "all again" } } },
    };
  }
  function robust(sorted) {
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    const spread = at(0.95) - at(0.05);
    return [Math.max(sorted[0], at(0.05) - 1.5 * spread), Math.min(sorted[sorted.length - 1], at(0.95) + 1.5 * spread)];
  }
  const rounded = (value) => Number(value.toPrecision(3));
  const budgets = (first, last) => ({ silent: true, symbol: "none", lineStyle: { color: colour("muted"), type: "dotted" },
    label: { color: colour("muted"), position: "insideEndTop", formatter: ({ name }) => name },
    data: data.budgets.filter(({ budget }) => first + budget - 1 < last).map(({ budget, place }) => ({ xAxis: first + budget - 1, name: `best at ${budget}: ${place}` })) });
  if (metrics.length) {
    chart("curves", curves, { canvas: metrics.some(({ values }) => values.length > 20000), onClick: ({ seriesName, name }) => seriesName === "trials" && select(Number(name)) });
    for (const id of ["metric", "logarithmic", "everything"]) gw.control(id, "change", () => {
      redraw("curves");
      const [low, high] = extent(chosen().values);
      say(`${chosen().name} of ${chosen().trials.length} trials, from ${number(low)} to ${number(high)}`);
    });
  }

  // Hyperparameters ---------------------------------------------------------------------------------------------------
  const isNumeric = (values) => values.every((value) => value === null || typeof value === "number");
  const spansDecades = (values) => { const [low, high] = extent(finite(values)); return low > 0 && high / low >= 50; };
  const categories = (values) => [...new Set(values.filter((value) => value !== null).map(show))].sort();
  // A trial that diverged must not flatten the others: it stands at the end of the axis.
  const [lowest, highest] = byPlace.length > 20 ? robust(byPlace.map((trial) => trials.value[trial]).sort((a, b) => a - b)) : extent(byPlace.map((trial) => trials.value[trial]));
  const dimensions = [
    ...data.varied.slice(0, 12).map((name) => ({ name, values: data.parameters[name] })),
    { name: objective.metric, values: trials.value.map((value) => value === null ? null : Math.max(lowest, Math.min(highest, value))) },
  ].map(({ name, values }) => isNumeric(values)
    ? { name, values, axis: { type: spansDecades(values) ? "log" : "value", scale: true } }
    : { name, values: values.map((value) => value === null ? null : show(value)), axis: { type: "category", data: categories(values) } });

  chart("parallel", () => ({
    parallel: { left: 48, right: 64, top: 56, bottom: 24 },
    parallelAxis: dimensions.map(({ name, axis: kind }, dim) => ({ dim, name, ...kind, ...(dim === dimensions.length - 1 && objective.direction === "minimize" ? { inverse: true } : {}),
      nameTextStyle: { color: colour("ink"), fontSize: 11 }, nameRotate: dimensions.length > 7 ? 20 : 0, axisLabel: { color: colour("ink"), textBorderColor: colour("surface"), textBorderWidth: 4, formatter: kind.type === "category" ? undefined : number },
      axisLine: { lineStyle: { color: colour("line") } }, axisTick: { lineStyle: { color: colour("line") } }, areaSelectStyle: { color: colour("series-1"), opacity: 0.25 } })),
    series: [
      { type: "parallel", name: "trials", smooth: false, inactiveOpacity: 0.03, activeOpacity: faint, progressive: 0,
        data: byPlace.map((trial) => ({ name: String(trial), value: dimensions.map(({ values }) => values[trial] ?? "-"), lineStyle: { color: shade(trial), opacity: faint, width: 1.2 } })) },
      { type: "parallel", name: "selected", z: 5, inactiveOpacity: 0.2,
        data: selected.filter((trial) => trials.place[trial]).map((trial) => ({ name: String(trial), value: dimensions.map(({ values }) => values[trial] ?? "-"), lineStyle: { color: series(selected.indexOf(trial)), opacity: 1, width: 3 } })) },
    ],
    tooltip: { ...tooltips(), trigger: "item", formatter: ({ name }) => about(Number(name)) },
  }), { onClick: ({ name }) => select(Number(name)) });
  function tooltips() { return { confine: true, backgroundColor: colour("panel"), borderColor: colour("line"), textStyle: { color: colour("ink"), fontSize: 12 } }; }

  chart("importance", () => ({
    grid: { left: 8, right: 48, top: 8, bottom: 40, containLabel: true },
    xAxis: axis({ type: "value", min: 0, max: 1, name: "effect" }),
    yAxis: axis({ type: "category", inverse: true, data: data.importance.map(({ name }) => name), axisLabel: { color: colour("ink") } }),
    series: [{ type: "bar", barMaxWidth: 18, color: colour("series-1"), data: data.importance.map(({ effect }) => effect),
      label: { show: true, position: "right", color: colour("ink"), formatter: ({ value }) => value.toFixed(2) } }],
  }));

  // Small multiples: a panel for each of several things, as many beside each other as there is room for.
  function panels(id, items, panel) {
    const width = document.getElementById(id).clientWidth, across = Math.max(1, Math.min(items.length, Math.floor(width / 260)));
    const cell = width / across, height = 220;
    const made = { grid: [], xAxis: [], yAxis: [], series: [], title: [] };
    items.forEach((item, at) => {
      const left = (at % across) * cell, top = Math.floor(at / across) * height;
      const { title: text, x, y, series: drawn } = panel(item);
      made.grid.push({ left: left + 54, top: top + 28, width: cell - 74, height: height - 80 });
      made.title.push({ left: left + 54, top, text, textStyle: { fontSize: 13, fontWeight: 600, color: colour("ink"), width: cell - 74, overflow: "truncate" } });
      made.xAxis.push(axis({ gridIndex: at, nameGap: 24, ...x }));
      made.yAxis.push(axis({ gridIndex: at, ...y }));
      made.series.push(...drawn.map((each) => ({ ...each, xAxisIndex: at, yAxisIndex: at })));
    });
    return made;
  }
  const rows = (items) => (place) => { // the height must be there before anything is drawn
    const across = Math.max(1, Math.min(items.length, Math.floor(place.clientWidth / 260)));
    place.style.height = `${Math.max(1, Math.ceil(items.length / across)) * 220}px`;
  };
  const slices = dimensions.slice(0, -1);
  const room = (highest - lowest) * 0.06 || Math.abs(highest) * 0.05 || 1;
  chart("slices", () => panels("slices", slices, ({ name, values, axis: kind }) => ({
    title: name,
    x: { ...kind, splitLine: { show: false } },
    y: { type: "value", min: rounded(lowest - room), max: rounded(highest + room), axisLabel: { color: colour("muted"), showMinLabel: false, showMaxLabel: false, formatter: number } },
    series: [
      { type: "scatter", symbolSize: count > 200 ? 4 : 7, color: colour("series-1"), itemStyle: { opacity: Math.max(0.25, faint) }, clip: true, cursor: "pointer",
        data: byPlace.filter((trial) => values[trial] !== null).map((trial) => ({ name: String(trial), value: [values[trial], trials.value[trial]] })), tooltip: { formatter: (one) => about(Number(one.name)) } },
      { type: "scatter", symbolSize: 12, z: 5, data: selected.filter((trial) => trials.place[trial] && values[trial] !== null).map((trial) => ({ name: String(trial), value: [values[trial], trials.value[trial]],
        itemStyle: { color: series(selected.indexOf(trial)), borderColor: colour("panel"), borderWidth: 1.5 } })), tooltip: { formatter: (one) => about(Number(one.name)) } },
    ],
  })), { fit: rows(slices), onClick: ({ name }) => name && select(Number(name)) });

  // Distributions -----------------------------------------------------------------------------------------------------
  const bars = (low, high, counts, colourOf) => ({ type: "custom", clip: true, encode: { x: [0, 1], y: 2 },
    data: counts.map((amount, at) => [low + (high - low) * at / counts.length, low + (high - low) * (at + 1) / counts.length, amount]),
    renderItem: (_, api) => {
      const from = api.coord([api.value(0), api.value(2)]), to = api.coord([api.value(1), 0]);
      return { type: "rect", shape: { x: from[0] + 0.5, y: from[1], width: Math.max(1, to[0] - from[0] - 1), height: Math.max(0, to[1] - from[1]) }, style: { fill: colourOf() } };
    },
    tooltip: { formatter: ({ value }) => `${number(value[0])} to ${number(value[1])}: ${value[2]}` } });
  const finals = data.finals.map(({ name, values }) => ({ name, values: [...floats(values)].filter(Number.isFinite) })).filter(({ values }) => values.length);
  chart("finals", () => panels("finals", finals, ({ name, values }) => {
    const sorted = [...values].sort((a, b) => a - b);
    let [low, high] = sorted.length > 20 ? robust(sorted) : extent(sorted);
    if (low === high) [low, high] = [low - 0.5, high + 0.5];
    const bins = Math.max(5, Math.min(30, Math.ceil(Math.sqrt(values.length) * 1.5))), counts = new Array(bins).fill(0);
    for (const value of values) if (value >= low && value <= high) counts[Math.min(bins - 1, Math.floor((value - low) / (high - low) * bins))] += 1;
    const outside = values.filter((value) => value < low || value > high).length;
    return { title: name, x: { type: "value", min: low, max: high, axisLabel: { color: colour("muted"), hideOverlap: true, formatter: number, showMinLabel: false, showMaxLabel: false }, name: outside ? `${outside} beyond` : "", splitLine: { show: false } }, y: { type: "value", minInterval: 1 }, series: [bars(low, high, counts, () => colour("series-1"))] };
  }), { fit: rows(finals) });
  // What rules would have saved --------------------------------------------------------------------------------------
  // Rules that save and kill nearly the same have one label, a name below the other.
  function labelled(rules) {
    const groups = [];
    for (const each of rules) {
      const near = groups.find(([first]) => Math.abs(first.saved - each.saved) < 12 && Math.abs(first.killed - each.killed) < 5);
      if (near) near.push(each); else groups.push([each]);
    }
    return new Map(groups.map((group) => [group[0], group.map(({ rule }) => rule).join("\n")]));
  }
  if (data.judged.length) chart("judged", () => {
    const labels = labelled(data.judged);
    const front = data.judged.filter((each) => each.front).sort((a, b) => a.saved - b.saved);
    const spot = ({ saved, killed, rule }) => ({ name: rule, value: [saved, killed] });
    const percent = (name, nameGap) => axis({ type: "value", min: 0, max: 100, name, nameGap });
    return {
      grid: { left: 64, right: 24, top: 24, bottom: 44 },
      xAxis: percent("compute saved, %", 28),
      yAxis: percent("best trials killed, %", 40),
      series: [
        { type: "line", name: "beaten by none", data: front.map(spot), showSymbol: false, silent: true, color: colour("series-3"), lineStyle: { width: 1.5 } },
        { type: "scatter", name: "rules", symbolSize: 10, z: 5, data: data.judged.map((each) => ({ ...spot(each), itemStyle: { color: colour(each.front ? "series-3" : "series-6") },
            label: { show: labels.has(each), formatter: labels.get(each), position: each.saved > 70 ? "left" : "right", verticalAlign: "bottom", offset: [0, 4] } })),
          label: { color: colour("ink"), fontSize: 11, lineHeight: 13 }, labelLayout: { moveOverlap: "shiftY" },
          tooltip: { formatter: ({ name, value }) => `<b>${escape(name)}</b><br>saves ${number(value[0])} %<br>kills ${number(value[1])} % of the best` } },
      ],
    };
  });
  chart("uses", () => panels("uses", data.usage.resources, ({ name, histogram }) => ({
    title: `${name}, %`, x: { type: "value", min: 0, max: 100, splitLine: { show: false } }, y: { type: "value", name: "" },
    series: [bars(0, 100, histogram, () => colour("series-3"))],
  })), { fit: rows(data.usage.resources) });
  chart("heat", () => {
    const resource = data.usage.resources[Number(document.getElementById("resource").value)];
    const cells = resource.timelines.flatMap((line, row) => line.map((value, at) => [at, row, value])).filter(([, , value]) => value !== null);
    return {
      grid: { left: 8, right: 24, top: 8, bottom: 84, containLabel: true },
      xAxis: axis({ type: "category", data: data.usage.cells, name: "% of the job's time", splitLine: { show: false } }),
      yAxis: axis({ type: "category", inverse: true, data: data.usage.trials.map(title), splitLine: { show: false } }),
      visualMap: { min: 0, max: 100, calculable: true, orient: "horizontal", left: "center", bottom: 0, itemHeight: 160, textStyle: { color: colour("muted") }, text: ["100 %", "0 %"],
        inRange: { color: [colour("grid"), colour("series-1"), colour("ink")] } },
      series: [{ type: "heatmap", data: cells, progressive: 0, tooltip: { formatter: ({ value }) => `${escape(title(data.usage.trials[value[1]]))}: ${number(value[2])} % of ${escape(resource.name)} at ${value[0] * 100 / data.usage.cells.length} % of its time` } }],
    };
  });
  gw.control("resource", "change", () => redraw("heat"));

  // Leaderboard -------------------------------------------------------------------------------------------------------
  const table = document.getElementById("leaderboard");
  table?.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.trial !== undefined) select(Number(button.dataset.trial));
    else sort(button);
  });
  function sort(button) {
    const heading = button.closest("th"), column = [...heading.parentNode.children].indexOf(heading);
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.querySelector("tbody"), key = (row) => row.children[column].textContent.trim();
    const compare = (a, b) => {
      if (!a || !b) return a ? -1 : b ? 1 : 0; // what is not there comes last, whichever way
      const numbers = [Number(a), Number(b)];
      const result = numbers.some(Number.isNaN) ? a.localeCompare(b) : numbers[0] - numbers[1];
      return down ? -result : result;
    };
    body.append(...[...body.children].map((row) => [key(row), row]).sort((a, b) => compare(a[0], b[0])).map(([, row]) => row));
  }
  marked();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
