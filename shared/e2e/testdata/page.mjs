// Follows the link to the upload page with a telephone and sends what it asks for, as the deployed stack takes it. What the
// page itself does in every case is walked in functions/documents.

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [link, papers] = process.argv.slice(2);
const shots = process.env.PAGE_SHOTS;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, locale: "en-US" });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`error: ${error}`));
  page.on("console", (line) => line.type() === "error" && faults.push(`console: ${line.text()}`));
  const look = (name) => shots && page.screenshot({ path: join(shots, `stack-${name}.png`), fullPage: true });

  const card = (name) => page.getByRole("listitem").filter({ has: page.getByRole("heading", { name, exact: true }) });
  const choose = async (name, kind, file) => {
    await card(name).getByLabel("Which one do you have?").selectOption({ label: kind });
    await card(name).locator('input[type="file"]').last().setInputFiles(join(papers, file));
  };
  const send = (name) => card(name).getByRole("button", { name: /^Send/ }).click();
  await page.goto(link);
  await page.getByRole("heading", { name: /^Ada, / }).waitFor();
  await look("asked");
  await choose("Government ID", "Passport", "script.png");
  await card("Government ID").getByText("This is not a JPEG, PNG, HEIC or PDF.").waitFor();
  await choose("Government ID", "Passport", "passport.jpg");
  await send("Government ID");
  await page.getByText("1 of 2 sent").waitFor();
  await look("half");
  await page.reload();
  await page.getByText("1 of 2 sent").waitFor();
  await choose("Proof of address", "Utility bill", "bill.pdf");
  await send("Proof of address");
  await page.getByRole("heading", { name: "Thank you, Ada. Everything is in." }).waitFor();
  await look("in");
  assert.deepEqual(faults, []);
} finally {
  await browser.close();
}
