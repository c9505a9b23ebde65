// One measure over time as a line inside the band of its interval.
import { cssColour } from "./colours.js";
import { language, loadScript, pageData, percent, t } from "./words.js";

export async function startChart(box) {
  let measure = "rejection";
  const draw = await drawIn(box, () => {
    const data = pageData("chart-data");
    const known = data.points.filter((point) => point.numbers[measure]);
    return known.length > 1 ? options(data, measure) : nothing(t("chart.none"));
  });
  document.querySelector("[data-chart-layers]")?.addEventListener("change", (event) => {
    measure = event.target.value;
    draw();
  });
  document.addEventListener("aeras:chart-data", draw);
}

/** Draws a chart in a box, again when colours change, and fits it to the box; gives what draws it. */
export async function drawIn(box, makeOptions) {
  await loadScript("../vendor/echarts/echarts.js");
  const holder = document.createElement("div");
  holder.className = "chart-canvas";
  box.replaceChildren(holder);
  holder.style.width = "100%";
  holder.style.height = "100%";
  const chart = globalThis.echarts.init(holder);
  const draw = () => chart.setOption(makeOptions(), true);
  document.addEventListener("aeras:theme", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => chart.resize()).observe(box);
  draw();
  return draw;
}

/** Says in a chart's place why there is none. */
export function nothing(text) {
  const style = { fill: cssColour("--muted"), text, width: 280, overflow: "break" };
  return { graphic: { type: "text", left: "center", top: "middle", style: { ...style, font: "14px system-ui" } } };
}

function options({ points, timezone, hourly }, measure) {
  const [ink, muted, line, accent, raised] = ["--ink", "--muted", "--line", "--accent", "--raised"].map(cssColour);
  const format = new Intl.DateTimeFormat(
    language,
    hourly
      ? { weekday: "short", hour: "2-digit", minute: "2-digit", timeZone: timezone }
      : { day: "numeric", month: "short", timeZone: timezone },
  );
  const rates = points.map((point) => point.numbers[measure]);
  const names = points.map((point) => format.format(new Date(point.at)));
  const plain = { type: "line", symbol: "none", silent: true, lineStyle: { opacity: 0 }, stack: "band" };
  return {
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    textStyle: { fontFamily: "inherit", color: ink },
    grid: { left: 46, right: 14, top: 14, bottom: 28 },
    xAxis: {
      type: "category",
      data: names,
      boundaryGap: false,
      axisLine: { lineStyle: { color: line } },
      axisTick: { show: false },
      axisLabel: { color: muted, hideOverlap: true },
    },
    yAxis: {
      type: "value",
      min: 0,
      max: (range) => Math.min(1, Math.max(0.2, Math.ceil(range.max * 5) / 5)),
      axisLabel: { color: muted, formatter: (share) => percent(share) },
      splitLine: { lineStyle: { color: line } },
      interval: 0.2,
    },
    tooltip: {
      trigger: "axis",
      renderMode: "richText", // drawn, because the content policy allows no inline style
      backgroundColor: raised,
      borderColor: line,
      textStyle: { color: ink, fontSize: 13 },
      formatter: ([first]) => describe(names[first.dataIndex], rates[first.dataIndex], measure),
    },
    series: [
      { ...plain, name: "low", data: rates.map((rate) => rate?.low ?? null) },
      {
        ...plain,
        name: "band",
        areaStyle: { color: accent, opacity: 0.2 },
        data: rates.map((rate) => (rate ? rate.high - rate.low : null)),
      },
      {
        name: t(`chart.${measure}`),
        type: "line",
        data: rates.map((rate) => rate?.value ?? null),
        symbolSize: 6,
        symbol: "circle",
        showSymbol: points.length < 40,
        lineStyle: { color: accent, width: 2.5 },
        itemStyle: { color: accent },
      },
    ],
  };
}

function describe(when, rate, measure) {
  if (!rate) return `${when}\n${t("chart.few", { k: pageData("map-data")?.k ?? "" })}`;
  const range = t("chart.range", {
    low: Math.round(rate.low * 100),
    high: percent(rate.high),
    n: rate.n,
  });
  return `${when}\n${percent(rate.value)} ${t(`chart.${measure}`)}\n${range}`;
}
