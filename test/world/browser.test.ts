import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { barriersIn, chromiumIsHere, openBrowser, troublesOf } from '../slack/browser.ts'
import { snapshotOf, type WorldSnapshot } from './snapshot.ts'
import { startTestWorld, type TestWorld } from './test-world.ts'

const runMs = 180_000

describe.skipIf(!chromiumIsHere)('a person at the page of the sandbox', () => {
  let world: TestWorld
  let browser: Browser
  let page: Page
  let troubles: readonly string[]
  let before: WorldSnapshot

  beforeAll(async () => {
    const [started, opened] = await Promise.all([startTestWorld(), openBrowser()])
    world = started
    browser = opened
    await world.startBot('purser')
    before = snapshotOf(world)
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    troubles = troublesOf(page)
    await page.goto(world.sandbox.slack.pageUrl)
  }, 270_000)
  afterAll(async () => {
    await browser?.close()
    await world?.close()
  })

  const become = (name: string) => page.getByRole('radio', { name }).check()
  /** What would keep people out, in both colours, wherever the person is. */
  const barriers = async () => {
    const found: string[] = []
    for (const [label, colours] of [
      ['Dark colours', 'dark'],
      ['Light colours', 'light'],
    ] as const) {
      // Pressed from within: above an open dialog nothing else takes a click.
      await page.locator(`[aria-label="${label}"]`).evaluate((toggle) => (toggle as { click(): void }).click())
      await page.locator(`html[data-theme=${colours}]`).waitFor()
      found.push(...(await barriersIn(page)).map((line) => `${colours}: ${line}`))
    }
    return found
  }

  it('deploys as Dana and approves as Alex, who watches it succeed', async () => {
    await become('Dana')
    const composer = page.getByRole('textbox', { name: 'Message' })
    await composer.fill('/billing dep')
    await composer.press('Tab')
    await composer.pressSequentially('v1.2.0')
    await composer.press('Enter')
    await page
      .getByRole('button', { name: /^Approve/ })
      .first()
      .waitFor({ timeout: runMs })
    await become('Alex')
    await page
      .getByRole('button', { name: /^Approve/ })
      .first()
      .click()
    await page
      .getByRole('heading', { name: /: running/ })
      .first()
      .waitFor({ timeout: runMs })
    await page.getByText('success criteria are met').first().waitFor({ timeout: runMs })
    expect(await page.getByRole('button', { name: /^Approve/ }).count()).toBe(0)
    expect(await barriers()).toEqual([])
  }, 540_000)

  it('reads the thread of the run', async () => {
    await page
      .getByRole('button', { name: /\d+ repl/ })
      .first()
      .click()
    const thread = page.getByRole('complementary', { name: 'Thread' })
    await thread.getByText('grace_periods').first().waitFor()
    expect(await barriers()).toEqual([])
    await thread.press('Escape')
    await thread.waitFor({ state: 'detached' })
  }, 180_000)

  it('rolls back through the dialog', async () => {
    await become('Dana')
    await page
      .getByRole('button', { name: /^Roll back/ })
      .last()
      .click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('Rolling back will:').waitFor()
    await dialog.getByLabel(/^Why/).fill('webhooks fail since the deploy')
    expect(await barriers()).toEqual([])
    await dialog.getByRole('button', { name: 'Roll back' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.getByRole('heading', { name: /roll.*: succeeded/i }).waitFor({ timeout: runMs })
    await page.getByText('The schema is not rolled back').last().waitFor()
    expect(snapshotOf(world)).toMatchObject({ ...before, endpoints: [{ status: 'disabled' }] })
  }, 540_000)

  it('opens App Home', async () => {
    await page
      .getByRole('navigation')
      .getByRole('button', { name: /^Purser/ })
      .click()
    await page.getByRole('region', { name: 'App Home' }).waitFor()
    // slack-manifest.yaml has switched the other tab off.
    expect(await page.getByRole('button', { name: 'Messages', exact: true }).count()).toBe(0)
    expect(await barriers()).toEqual([])
    expect(troubles).toEqual([])
  }, 180_000)
})
