import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

export const chromiumIsHere = existsSync(executablePath)

if (!chromiumIsHere) {
  const why = `there is no ${executablePath} (apt-get install chromium, or set CHROMIUM)`
  if (process.env['CI'] !== undefined) throw new Error(`the page must be tested here, but ${why}`)
  console.log(`the page is not tested: ${why}`)
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** What goes wrong in a page from now on: exceptions and errors of the console. */
export function troublesOf(page: Page): readonly string[] {
  const troubles: string[] = []
  page.on('pageerror', (error) => troubles.push(error.message))
  page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()))
  return troubles
}

const axeSource = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

interface AxeFinding {
  readonly id: string
  readonly impact: string | null
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

/** Serious and critical findings of axe in what the page shows now, one line each. */
export async function barriersIn(page: Page): Promise<readonly string[]> {
  await page.evaluate(await readFile(axeSource, 'utf8'))
  const findings = await page.evaluate<readonly AxeFinding[]>(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)`,
  )
  return findings
    .filter((finding) => finding.impact === 'serious' || finding.impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 200)} ${node.failureSummary ?? ''}`))
}
