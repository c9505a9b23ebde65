// Units sold against the share of rejections, a point a day, before anything is made of them.
import { drawIn, nothing } from "./chart.js";
import { cssColour } from "./colours.js";
import { language, pageData, percent, t } from "./words.js";

const KINDS = ["plain", "promoted", "out"];
const SHAPES = { plain: "circle", promoted: "triangle", out: "diamond" };

export async function startPoints(box) {
  const days = pageData("points-data").filter((day) => day.share && day.units !== null);
  await drawIn(box, () => (days.length ? options(days) : nothing(t("points.none"))));
}

const kindOf = (day) => (day.out > 0 ? "out" : day.promoted > 0 ? "promoted" : "plain");

function options(days) {
  const [ink, muted, line, accent, raised] = ["--ink", "--muted", "--line", "--accent", "--raised"].map(cssColour);
  const axis = { axisLine: { lineStyle: { color: line } }, splitLine: { lineStyle: { color: line } }, nameTextStyle: { color: muted } };
  const date = new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
  return {
    animation: false,
    textStyle: { fontFamily: "inherit", color: ink },
    grid: { left: 48, right: 18, top: 34, bottom: 50 },
    xAxis: { ...axis, type: "value", min: 0, name: t("points.share"), nameLocation: "middle", nameGap: 30, axisLabel: { color: muted, formatter: (share) => percent(share) } },
    yAxis: { ...axis, type: "value", min: 0, name: t("points.units"), nameTextStyle: { color: muted, align: "left" }, axisLabel: { color: muted } },
    tooltip: {
      trigger: "item",
      renderMode: "richText", // drawn, because the content policy allows no inline style
      backgroundColor: raised,
      borderColor: line,
      textStyle: { color: ink, fontSize: 13 },
      formatter: ({ data }) => {
        const [share, units, day, low, high, n] = data.value;
        return t("points.tip", { day: date.format(new Date(day)), units, share: percent(share), low: percent(low), high: percent(high), n });
      },
    },
    series: KINDS.map((kind, index) => ({
      type: "line", // points only: the small build that is served has no scatter
      name: t(`points.${kind}`),
      lineStyle: { opacity: 0 },
      symbol: SHAPES[kind],
      symbolSize: 9,
      itemStyle: { color: index ? ink : accent, opacity: index === 1 ? 0.55 : 0.85 },
      data: days
        .filter((day) => kindOf(day) === kind)
        .map((day) => ({ value: [day.share.value, day.units, day.day, day.share.low, day.share.high, day.share.n] })),
    })).filter((series) => series.data.length),
  };
}
