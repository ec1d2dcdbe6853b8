import { App, LogLevel } from '@slack/bolt'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { SlackOptions, SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { openBrowser, troublesOf } from './browser.ts'
import { describeApp } from './plain-app.ts'
import { openRoom, tokens } from './room.ts'

/** A room with an app in it, and a browser to look at it. */
export interface PageRoom {
  readonly slack: SlackSimulator
  readonly app: App
  /** A page of a browser that knows nothing of the others; opened at the workspace. */
  open(options?: BrowserContextOptions): Promise<Page>
  /** Closes the pages; raises Error when one of them was in trouble. */
  leave(): Promise<void>
  close(): Promise<void>
}

export async function openPageRoom(more: Partial<SlackOptions> = {}): Promise<PageRoom> {
  const slack = await openRoom({ rateLimits: false, ...more })
  const app = new App({
    token: tokens.botToken,
    appToken: tokens.appToken,
    socketMode: true,
    logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: slack.apiUrl },
  })
  describeApp(app)
  await app.start()
  const browser: Browser = await openBrowser()
  // The first to ask has it built.
  await fetch(slack.pageUrl)
  const troubles: (readonly string[])[] = []
  return {
    slack,
    app,
    async open(options = {}) {
      const page = await (await browser.newContext({ viewport: desk, ...options })).newPage()
      troubles.push(troublesOf(page))
      await page.goto(slack.pageUrl)
      return page
    },
    async leave() {
      for (const context of browser.contexts()) await context.close()
      const all = troubles.splice(0).flat()
      if (all.length > 0) throw new Error(`the page is in trouble: ${all.join('\n')}`)
    },
    async close() {
      await browser.close()
      await app.stop()
      await slack.close()
    },
  }
}

export const desk = { width: 1280, height: 860 }
export const phone = { width: 390, height: 800 }
