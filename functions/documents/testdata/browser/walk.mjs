// Walks the upload page as consumers do, with a telephone, a computer, a keyboard, and a connection that breaks; looks for
// what an accessibility checker objects to. It ends with a failure at the first thing that is not as it should be.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [page_, storage, papers] = process.argv.slice(2);
const shots = process.env.PAGE_SHOTS;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const paper = (name) => join(papers, name);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

const devices = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, locale: "en-US" },
  computer: { viewport: { width: 1280, height: 800 }, locale: "en-US" },
};

// visit opens the page, and holds whatever it does to what it may do.
async function visit(device, token, options = {}) {
  const context = await browser.newContext({ ...devices[device], ...options });
  const page = await context.newPage();
  const faults = [];
  page.setDefaultTimeout(15000);
  page.on("pageerror", (error) => faults.push(`error: ${error.stack}`));
  page.on("console", (line) => {
    if (line.type() === "error" && !line.text().startsWith("Failed to load resource")) faults.push(`console: ${line.text()}`);
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "blob:" && protocol !== "data:" && origin !== page_ && origin !== storage) faults.push(`asks ${request.url()}`);
    if (request.url().replace(/#.*/, "").includes(token)) {
      if (origin !== storage) faults.push(`sends the token in ${request.url()}`);
    }
  });
  await page.goto(`${page_}/api/v0.1/upload#${token}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  const card = (name) => page.getByRole("listitem").filter({ has: page.getByRole("heading", { name, exact: true }) });
  return {
    page, card, context,
    choose: (name, side, file) => card(name).locator(`input[name="${side}-${{ ID: "d0", Address: "d1" }[name] ?? ids[name]}-file"]`).setInputFiles(paper(file)),
    end: async () => {
      assert.deepEqual(faults, []);
      await context.close();
    },
  };
}

const ID = "Government ID", bill = "Proof of address", ssc = "Social Security card";
const ids = { [ID]: "d0", [bill]: "d1", [ssc]: "d2", "Identificación oficial": "d0" };

let shot = 0;
async function look(page, name) {
  const { width } = page.viewportSize();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `${name}: the page is ${wide} wide, the window ${width}`);
  if (shots) await page.screenshot({ path: join(shots, `${String(++shot).padStart(2, "0")}-${name}.png`), fullPage: true });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  assert.deepEqual(violations.map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`), [], `${name}: accessibility`);
}

const focused = (page) => page.evaluate(() => {
  const at = document.activeElement;
  return at.dataset.key ?? at.tagName;
});

const become = (card, text) => card.locator(".badge").first().filter({ hasText: text }).waitFor();
const send = (card) => card.getByRole("button", { name: /^(Send|Enviar)/ }).click();

const walks = {
  // All three documents: what is wrong is said in words, a file is refused and sent again, the connection fails.
  async phone() {
    const { page, card, choose, end } = await visit("phone", "gps-fails");
    await look(page, "phone-start");
    assert.equal(await page.title(), "Your documents – Acme");
    assert.match(await page.locator("h1").innerText(), /^Ada, /);
    await page.getByText("January 30, 2027").waitFor();
    assert.equal(await card(ID).locator('input[capture="environment"]').count(), 1);
    assert.ok(await card(ID).getByRole("button", { name: /^Take a photo/ }).isVisible());

    await send(card(ID));
    await card(ID).getByText("Please say which document it is.").waitFor();
    assert.equal(await focused(page), "kind");
    await look(page, "phone-nothing-chosen");
    await card(ID).getByLabel("Which one do you have?").selectOption({ label: "Driver's license" });
    await card(ID).getByText("Back (helps us, if you can)").waitFor();

    for (const [file, text] of [["script.png", "This is not a JPEG, PNG, HEIC or PDF."], ["empty.jpg", "This file is empty."], ["huge.jpg", "This file has 15.1 MB, and 15 MB is the most."]]) {
      await choose(ID, "front", file);
      await card(ID).getByText(text).waitFor();
    }
    await look(page, "phone-wrong-file");
    await choose(ID, "front", "front.jpg");
    await choose(ID, "back", "front.jpg");
    await send(card(ID));
    await card(ID).getByText("Front and back are the same file.").waitFor();
    await choose(ID, "back", "damaged.jpg");
    await look(page, "phone-chosen");
    await send(card(ID)); // the first answer is 503, the first file is cut off, both are sent again
    await become(card(ID), "Checking");
    await become(card(ID), "Please send again");
    await card(ID).getByText("The file is damaged").waitFor();
    assert.equal(await focused(page), "heading");
    assert.ok(await card(ID).getByLabel("Which one do you have?").isDisabled(), "the front is here, of a driver's license");
    await look(page, "phone-refused");
    await choose(ID, "back", "back.jpg");
    await send(card(ID));
    await become(card(ID), "Received");

    await page.reload();
    await become(card(ID), "Received");
    await page.getByText("1 of 3 sent").waitFor();
    await choose(bill, "front", "bill.pdf");
    await card(bill).getByLabel("Which one do you have?").selectOption({ label: "Utility bill" });
    await send(card(bill));
    await become(card(bill), "Received");
    await choose(ssc, "front", "front.jpg");
    await send(card(ssc));
    await card(ssc).getByText("You have sent this very file already.").waitFor();
    await choose(ssc, "front", "photo.HEIC");
    await card(ssc).getByText("HEIC", { exact: true }).waitFor();
    await look(page, "phone-heic");
    await send(card(ssc));
    await page.getByRole("heading", { name: "Thank you, Ada. Everything is in." }).waitFor();
    assert.equal(await focused(page), "H1");
    await look(page, "phone-all-in");
    await page.reload();
    await page.getByRole("heading", { name: "Thank you, Ada. Everything is in." }).waitFor();
    await end();
  },

  // A reload in the middle of an upload, and a connection that is gone for a while.
  async interrupted() {
    const { page, card, choose, context, end } = await visit("phone", "s-interrupted");
    await choose(ssc, "front", "card.jpg");
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    const speed = (bytes) => session.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes });
    await speed(60000);
    page.on("dialog", (dialog) => dialog.accept()); // that it asks whether to leave is right
    await send(card(ssc));
    await page.getByText(/^Sending .*: [1-9]\d* %$/).first().waitFor();
    await look(page, "phone-sending");
    await page.reload();
    await speed(-1);
    await become(card(ssc), "Checking");
    await card(ssc).getByText("This file did not reach us completely.").waitFor({ timeout: 40000 });
    await look(page, "phone-after-reload");
    await choose(ssc, "front", "card.jpg");
    await context.setOffline(true);
    await send(card(ssc));
    await card(ssc).getByText("The connection was lost.").waitFor();
    await look(page, "phone-offline");
    await context.setOffline(false);
    await page.getByRole("heading", { name: /Everything is in/ }).waitFor();
    await end();
  },

  // A computer, its keyboard alone, in Spanish.
  async keyboard() {
    const { page, card, choose, end } = await visit("computer", "gp-keyboard", { locale: "es-MX" });
    assert.equal(await page.locator("html").getAttribute("lang"), "es");
    assert.match(await page.locator("h1").innerText(), /^Ada, por favor/);
    await look(page, "computer-spanish");
    const id = "Identificación oficial";
    assert.ok(!await card(id).getByRole("button", { name: /^Tomar una foto/ }).count(), "a computer has no camera to take photos with");
    const order = [];
    for (let n = 0; n < 6; n++) {
      await page.keyboard.press("Tab");
      order.push(await focused(page));
    }
    assert.deepEqual(order, ["en", "es", "SUMMARY", "kind", "country", "file-front"]);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
    assert.equal(outline, "3px", "who has the focus is seen");
    const chooser = page.waitForEvent("filechooser"); // well ahead: the browser is told of it beside what is pressed
    await card(id).getByLabel("¿Cuál tiene usted?").focus();
    await page.keyboard.type("Pasaporte");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "file-front");
    await page.keyboard.press("Enter");
    await (await chooser).setFiles(paper("front.jpg"));
    await card(id).getByText("front.jpg", { exact: true }).waitFor();
    assert.equal(await focused(page), "other-front");
    await look(page, "computer-chosen");
    await card(id).getByRole("button", { name: /^Enviar/ }).focus();
    await page.keyboard.press("Enter");
    await become(card(id), "Recibido");
    await page.getByRole("button", { name: "English" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText("1 of 2 sent").waitFor();
    assert.equal(await focused(page), "en");
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
    await page.reload();
    await page.getByText("1 of 2 sent").waitFor(); // the language was chosen
    await card(bill).getByLabel("Which one do you have?").selectOption({ label: "Property tax bill" });
    await choose(bill, "front", "protected.pdf");
    await send(card(bill));
    await card(bill).getByText("The PDF is protected by a password.").waitFor();
    await look(page, "computer-refused");
    await choose(bill, "front", "bill.pdf");
    await send(card(bill));
    await page.getByRole("heading", { name: /Everything is in/ }).waitFor();
    await look(page, "computer-all-in");
    await end();
  },

  async dark() {
    const { page, card, choose, end } = await visit("phone", "g-dark", { colorScheme: "dark", reducedMotion: "reduce", viewport: { width: 320, height: 640 } });
    await send(card(ID));
    await choose(ID, "front", "script.png");
    await look(page, "dark-narrow");
    await end();
  },

  async links() {
    for (const [token, title] of [["none", "This link does not work"], ["old", "This link has expired"]]) {
      const { page, end } = await visit("phone", token);
      await page.getByRole("heading", { name: title }).waitFor();
      await look(page, `link-${token}`);
      await end();
    }
  },
};

try {
  for (const [name, walk] of Object.entries(walks)) {
    if (process.env.PAGE_WALK && process.env.PAGE_WALK !== name) continue;
    console.log(name);
    await walk();
  }
} finally {
  await browser.close();
}
