// The signed-in pages: starts what the page at hand needs.
import { startCameras } from "./cameras.js";
import { startFeed } from "./feed.js";
import { startInvites } from "./invite.js";
import { startLive } from "./live.js";
import { startPreferences } from "./prefs.js";
import { startRefresh } from "./refresh.js";
import { startTable } from "./table.js";

startPreferences();
startFeed();
startTable();
startCameras();
startInvites();
startRefresh();
startLive();

const map = document.getElementById("map");
if (map) import("./map.js").then(({ startMap }) => startMap(map));

const storeMap = document.querySelector("[data-store-map]");
if (storeMap) import("./storemap.js").then(({ startStoreMap }) => startStoreMap(storeMap));

const points = document.getElementById("points");
if (points) import("./points.js").then(({ startPoints }) => startPoints(points));

const chart = document.getElementById("chart");
if (chart) import("./chart.js").then(({ startChart }) => startChart(chart));

document.querySelector("[data-print]")?.addEventListener("click", () => print());
