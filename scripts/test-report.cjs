// The checks of scripts/test-report: node test-report.cjs CHROMIUM REPORT.html FOLDER
const fs = require("fs");
const path = require("path");
const { chromium } = require("playwright-core");

const [executablePath, report, out] = process.argv.slice(2);
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const url = "file://" + report;
const failures = [];

function expect(holds, message) {
  console.log(`${holds ? "ok  " : "FAIL"} ${message}`);
  if (!holds) failures.push(message);
}

async function look(browser, width, colorScheme) {
  const name = `${width} px, ${colorScheme}`;
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const requests = [];
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) requests.push(request.url());
  });
  await page.goto(url);
  expect(requests.length === 0, `${name}: nothing else is loaded ${requests}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide <= 0, `${name}: the page does not scroll to the side (${wide} px)`);
  const font = await page.evaluate(() => document.fonts.ready.then(() => document.fonts.check('12px "Widelimit Sans"')));
  expect(font, `${name}: the font is embedded`);
  await page.addScriptTag({ content: axe });
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const { id, nodes } of violations) {
    console.log(`     ${id}: ${nodes.length} places, such as ${nodes[0].html.slice(0, 200)} ${nodes[0].failureSummary}`);
  }
  expect(violations.length === 0, `${name}: axe-core finds nothing`);
  const light = await page.evaluate(() => {
    const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
    return (r + g + b) / 3 > 128;
  });
  expect(light === (colorScheme === "light"), `${name}: the background is ${colorScheme}`);
  await page.screenshot({ path: path.join(out, `${width}-${colorScheme}.png`), fullPage: true });
  await page.close();
}

async function print(browser) {
  const page = await browser.newPage({ colorScheme: "dark" });
  await page.goto(url);
  const file = path.join(out, "report.pdf");
  await page.pdf({ path: file, format: "A4", margin: { top: "15mm", bottom: "15mm", left: "15mm", right: "15mm" } });
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await page.setViewportSize({ width: 680, height: 900 });
  const found = await page.evaluate(() => ({
    background: getComputedStyle(document.body).backgroundColor,
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    cut: [...document.querySelectorAll(".chart")].filter((chart) => chart.scrollWidth > chart.clientWidth + 1).length,
  }));
  expect(fs.statSync(file).size > 10000, "print: a PDF is written");
  expect(found.background === "rgb(255, 255, 255)", `print: the background is white (${found.background})`);
  expect(found.wide <= 0 && found.cut === 0, `print: nothing is cut (${found.wide} px, ${found.cut} figures)`);
  await page.close();
}

(async () => {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  for (const width of [400, 1200]) {
    for (const colorScheme of ["light", "dark"]) await look(browser, width, colorScheme);
  }
  await print(browser);
  await browser.close();
  if (failures.length > 0) {
    console.log(`${failures.length} failures`);
    process.exit(1);
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
