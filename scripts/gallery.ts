import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { App, LogLevel } from '@slack/bolt'
import type { HomeView, ModalView } from '@slack/types'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import { type SlackSimulator, startSlack } from '../sandbox/slack/simulator.ts'
import { openChat } from '../src/adapters/slack/client.ts'
import type { Chat } from '../src/adapters/slack/port.ts'
import type { Message } from '../src/messages/blocks/message.ts'
import { Sensitive } from '../src/sensitive.ts'
import { galleryTexts } from './gallery-texts.ts'
import { smallPng } from './small-png.ts'
import * as example from '../test/messages/example-runs.ts'
import { people, type Picture, pictures } from '../test/messages/pictures.ts'

// Renders every message and dialog in its typical states, in the sandbox's own page, into docs/messages, and writes down what
// they say.

const usage = `usage: npm run gallery [-- options]
  --only NAME   draws this picture and leaves the others; may be given several times
  --texts       writes texts.md alone, which needs no browser
  --out DIR     where pictures, README.md and texts.md go (docs/messages)`

const committed = fileURLToPath(new URL('../docs/messages/', import.meta.url))
const wanted = wantedBy(process.argv.slice(2))
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const tokens = { botToken: 'xoxb-gallery', appToken: 'xapp-gallery', signingSecret: 'gallery' }
const widths = { desktop: 760, phone: 390 } as const
type Width = keyof typeof widths

const dana = people.dana.id
const channelOf = (index: number) => `C0GALLERY${index}`

async function main(): Promise<void> {
  const slack = await startSlack({
    users: Object.values(people),
    channels: ['C01BILLING', ...pictures.map((_, index) => channelOf(index))].map((id) => ({
      id,
      name: 'billing-deploys',
    })),
    userGroups: [{ id: 'S01ONCALL', handle: 'billing-oncall', users: [people.alex.id] }],
    ...tokens,
    rateLimits: false,
  })
  const app = new App({
    token: tokens.botToken,
    appToken: tokens.appToken,
    socketMode: true,
    logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: slack.apiUrl, retryConfig: { retries: 0 } },
  })
  app.command('/billing', async ({ ack, body, client }) => {
    await ack()
    const found = pictures.find((picture) => picture.name === body.text)
    if (found?.kind === 'dialog') await client.views.open({ trigger_id: body.trigger_id, view: found.view })
  })
  await app.start()
  const browser = await chromium.launch({
    executablePath,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--hide-scrollbars', '--disable-lcd-text'],
  })
  try {
    await mkdir(wanted.directory, { recursive: true })
    const chat = openChat({ token: new Sensitive(tokens.botToken), apiUrl: slack.apiUrl })
    for (const [index, picture] of pictures.entries()) {
      if (!wanted.pictures.includes(picture)) continue
      await take({ slack, chat, browser, channel: channelOf(index) }, picture)
      process.stdout.write(`${picture.name}\n`)
    }
    await writeFile(join(wanted.directory, 'README.md'), readme())
    await writeTexts()
    // Only here: another directory may hold pictures that are none of the gallery's.
    if (wanted.directory === committed) await removeFormer()
    process.stdout.write(`${(await sizeOf(wanted.directory)).toFixed(2)} MB in ${wanted.directory}\n`)
  } finally {
    await browser.close()
    await app.stop()
    await slack.close()
  }
}

async function writeTexts(): Promise<void> {
  await mkdir(wanted.directory, { recursive: true })
  await writeFile(join(wanted.directory, 'texts.md'), galleryTexts())
}

interface Wanted {
  readonly directory: string
  readonly textsOnly: boolean
  readonly pictures: readonly Picture[]
}

/** What the command line asks for. Ends the program with one message when it asks for what there is not. */
function wantedBy(argv: readonly string[]): Wanted {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        only: { type: 'string', multiple: true },
        texts: { type: 'boolean', default: false },
        out: { type: 'string', default: committed },
      },
    })
    const unknown = values.only?.find((name) => !pictures.some((picture) => picture.name === name))
    if (unknown !== undefined) throw new Error(`There is no picture ${unknown}: test/messages/pictures.ts names them`)
    return {
      directory: values.out,
      textsOnly: values.texts,
      pictures: pictures.filter(({ name }) => values.only === undefined || values.only.includes(name)),
    }
  } catch (error) {
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('. ')
    process.stderr.write(`${first}\n${usage}\n`)
    process.exit(2)
  }
}

/** Removes pictures of what is no longer in the gallery. */
async function removeFormer(): Promise<void> {
  const current = new Set(pictures.flatMap(({ name }) => Object.keys(widths).map((width) => fileOf(name, width))))
  for (const file of await readdir(committed))
    if (file.endsWith('.png') && !current.has(file)) await rm(join(committed, file))
}

function fileOf(name: string, width: string): string {
  return `${name}-${width}.png`
}

interface Studio {
  readonly slack: SlackSimulator
  readonly chat: Chat
  readonly browser: Browser
  readonly channel: string
}

async function take(studio: Studio, picture: Picture): Promise<void> {
  const find = await shown(studio, picture)
  for (const width of Object.keys(widths) as Width[]) {
    const page = await studio.browser.newPage({
      viewport: { width: widths[width], height: 2_600 },
      timezoneId: 'UTC',
      locale: 'en-GB',
      colorScheme: 'light',
      reducedMotion: 'reduce',
    })
    // Dates say "today" as they would have on the day of the samples, whenever the pictures are taken.
    await page.clock.setFixedTime(example.now)
    const target = await find(page)
    await target.waitFor()
    await target.locator('.by time').evaluateAll((times: { textContent: string | null }[], text) => {
      for (const it of times) it.textContent = text
    }, timeOfDay)
    await fitted(page, target, widths[width])
    await writeFile(join(wanted.directory, fileOf(picture.name, width)), smallPng(await target.screenshot()))
    await page.close()
  }
}

/** When a message was posted is no part of it, and would make every picture another one each time. */
const timeOfDay = example.now.toISOString().slice(11, 16)

/** Puts it into the workspace; finds it again in a page. */
async function shown(studio: Studio, picture: Picture): Promise<(page: Page) => Promise<Locator>> {
  const { slack, channel } = studio
  if (picture.kind === 'message') {
    const ts = await posted(studio, picture.message)
    return async (page) => {
      await page.goto(`${slack.pageUrl}archives/${channel}/p${ts.replace('.', '')}`)
      return page.locator(`[data-ts="${ts}"]`)
    }
  }
  if (picture.kind === 'home') {
    await published(studio, picture.view)
    return async (page) => {
      await page.goto(slack.pageUrl)
      const menu = page.getByRole('button', { name: /channels|menu/i }).first()
      const entry = page.getByRole('navigation').getByText('Purser')
      // On a phone the list of channels is behind the menu; neither is there before the page has rendered.
      await menu.or(entry).first().waitFor()
      if (await menu.isVisible()) await menu.click()
      await entry.click()
      return page.locator('.home.blocks')
    }
  }
  await opened(studio, picture)
  return async (page) => {
    await page.goto(slack.pageUrl)
    return page.locator('dialog.modal')
  }
}

async function posted({ chat, slack, channel }: Studio, { withoutCharts: _, ...message }: Message): Promise<string> {
  // A dialog that is still open darkens what is behind it.
  await slack.control.closeView(dana, true)
  const { ts } = await chat.post(channel, message, {}, AbortSignal.timeout(10_000))
  return ts
}

async function published({ chat, slack }: Studio, view: HomeView): Promise<void> {
  await slack.control.closeView(dana, true)
  await chat.publishHome(dana, view, AbortSignal.timeout(10_000))
}

async function opened({ slack, channel }: Studio, { name }: { name: string; view: ModalView }): Promise<void> {
  await slack.control.closeView(dana, true)
  await slack.control.type(dana, channel, `/billing ${name}`)
  await slack.control.waitFor(() => slack.control.openView(dana), 10_000, name)
}

/** Makes the page as wide as the picture's subject needs it, and high enough to need no scrolling. */
async function fitted(page: Page, target: Locator, width: number): Promise<void> {
  const box = await target.boundingBox()
  const missing = width - (box?.width ?? width)
  if (width === widths.desktop && missing > 0)
    await page.setViewportSize({ width: width + Math.ceil(missing), height: 2_600 })
  await page.waitForTimeout(150)
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0
  for (const file of await readdir(folder)) bytes += (await stat(join(folder, file))).size
  return bytes / 1_000_000
}

function readme(): string {
  const parts = pictures.map(({ name, title, about }) =>
    [
      `## ${title}`,
      about,
      `<img src="${name}-desktop.png" width="570" alt="${title}, at desktop width"> <img src="${name}-phone.png" width="240" alt="${title}, at phone width">`,
    ].join('\n\n'),
  )
  const head = [
    '# What Purser says',
    'Every message, dialog and App Home in its typical states, drawn by the page of the sandbox at desktop and phone width. `npm run gallery` makes these pictures and this page again; the states are those of [test/messages/pictures.ts](../../test/messages/pictures.ts). [Every text](texts.md) has the words alone.',
  ]
  return `${[...head, ...parts].join('\n\n')}\n`
}

await (wanted.textsOnly ? writeTexts() : main())
