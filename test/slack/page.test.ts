import { App, LogLevel } from '@slack/bolt'
import type { InputBlock, ModalView } from '@slack/types'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { commandHints } from '../../sandbox/commands.ts'
import type { SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { barriersIn, chromiumIsHere, openBrowser, troublesOf } from './browser.ts'
import { describeApp } from './plain-app.ts'
import { alex, channel, dana, openRoom, sam, tokens } from './room.ts'

const desk = { width: 1280, height: 860 }
const phone = { width: 390, height: 800 }

describe.skipIf(!chromiumIsHere)('the page', { timeout: 30_000 }, () => {
  let slack: SlackSimulator
  let app: App
  let browser: Browser
  let page: Page
  let troubles: readonly string[]

  beforeAll(async () => {
    slack = await openRoom({ addresses: [{ label: 'kubeconfig', command: 'export KUBECONFIG=here' }] })
    app = new App({
      token: tokens.botToken,
      appToken: tokens.appToken,
      socketMode: true,
      logLevel: LogLevel.ERROR,
      clientOptions: { slackApiUrl: slack.apiUrl },
    })
    describeApp(app)
    await app.start()
    browser = await openBrowser()
    // The first to ask has it built.
    await fetch(slack.pageUrl)
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await app?.stop()
    await slack?.close()
  })
  beforeEach(async () => {
    const context = await browser.newContext({ viewport: desk, permissions: ['clipboard-read', 'clipboard-write'] })
    page = await context.newPage()
    troubles = troublesOf(page)
  })
  afterEach(async () => {
    await page.context().close()
    if (troubles.length > 0) throw new Error(`the page is in trouble: ${troubles.join('\n')}`)
  })

  const composer = () => page.getByRole('textbox', { name: 'Message' })
  const options = () => page.getByRole('option').allInnerTexts()

  it('lets Dana type a command, Alex press the button, and both see what came of it', async () => {
    await page.goto(slack.pageUrl)
    await composer().fill('/billing de')
    expect(await options()).toEqual([expect.stringContaining('deploy [VERSION] [ENV] [--dry-run] [--rotate-secret]')])
    await composer().press('Tab')
    expect(await composer().inputValue()).toBe('/billing deploy ')
    await composer().pressSequentially('v1.2.0')
    await composer().press('Enter')
    await page.getByText('deploy v1.2.0').waitFor()

    await page.getByRole('radio', { name: 'Alex' }).check()
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.getByText('approved by alex').waitFor()
    await page.getByText('Only visible to you').waitFor()
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0)

    await page.getByRole('radio', { name: 'Dana' }).check()
    await page.getByText('Only visible to you').waitFor({ state: 'detached' })
  })

  it('completes commands by keyboard and says which argument is next', async () => {
    await page.goto(slack.pageUrl)
    await composer().pressSequentially('/')
    await expect.poll(options).toHaveLength(commandHints.length)
    await composer().press('ArrowUp')
    expect(await page.getByRole('option', { selected: true }).innerText()).toContain('help')
    await composer().press('ArrowDown')
    await composer().press('ArrowDown')
    await composer().press('Enter')
    expect(await composer().inputValue()).toBe('/billing plan ')
    const current = page.locator('.argument.now')
    expect(await current.innerText()).toBe('[VERSION]')
    await composer().pressSequentially('v1.2.0 ')
    expect(await current.innerText()).toBe('[ENV]')
    await composer().press('Escape')
    expect(await current.count()).toBe(0)
    expect(await composer().inputValue()).toBe('/billing plan v1.2.0 ')
  })

  it('shows a dialog, its errors under the inputs, and what the app makes of it', async () => {
    await page.setViewportSize(phone)
    await page.goto(slack.pageUrl)
    await composer().fill('/billing rollback')
    await page.getByRole('button', { name: 'Send' }).click()
    const dialog = page.getByRole('dialog', { name: 'Roll back' })
    await dialog.getByRole('button', { name: 'Roll back' }).click()
    await dialog.getByText('Please complete this required field.').waitFor()
    await dialog.getByLabel('Why?').fill('because')
    await dialog.getByLabel('Who watches?').selectOption({ label: 'Alex' })
    await dialog.getByRole('button', { name: 'Roll back' }).click()
    await dialog.getByText('Say more.').waitFor()
    expect(await dialog.getByLabel('Why?').inputValue()).toBe('because')
    expect(await barriersIn(page)).toEqual([])
    await dialog.getByLabel('Why?').fill('double charges')
    await dialog.getByRole('button', { name: 'Roll back' }).click()
    await page.getByText('double charges; @Alex watches').waitFor()
    await page.getByRole('button', { name: 'Close', exact: true }).last().click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  it('keeps the focus inside a dialog, closes it with Escape and gives the focus back', async () => {
    await page.goto(slack.pageUrl)
    await composer().fill('/billing rollback')
    await composer().press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Roll back' })
    await dialog.waitFor()
    await expect.poll(() => dialog.getByLabel('Why?').evaluate((it) => it.matches(':focus'))).toBe(true)
    for (let tab = 0; tab < 12; tab++) {
      await page.keyboard.press('Tab')
      expect(await page.evaluate(`document.querySelector('main :focus') === null`)).toBe(true)
    }
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    await expect.poll(() => composer().evaluate((it) => it.matches(':focus'))).toBe(true)
  })

  it('takes every kind of input, and keeps what was typed below a second dialog', async () => {
    const words = (text: string) => ({ type: 'plain_text' as const, text })
    const options = ['one', 'two'].map((value) => ({ text: words(value), value }))
    const input = (id: string, element: InputBlock['element']): InputBlock => ({
      type: 'input',
      block_id: id,
      label: words(id),
      element,
    })
    const second: ModalView = { type: 'modal', callback_id: 'second', title: words('Second'), blocks: [] }
    const first: ModalView = {
      type: 'modal',
      callback_id: 'first',
      title: words('First'),
      submit: words('Go on'),
      blocks: [
        input('menu', { type: 'static_select', action_id: 'a', options }),
        input('radio', { type: 'radio_buttons', action_id: 'a', options }),
        input('boxes', { type: 'checkboxes', action_id: 'a', options }),
        input('person', { type: 'users_select', action_id: 'a' }),
        input('text', { type: 'plain_text_input', action_id: 'a', multiline: true }),
      ],
    }
    let taken: unknown
    app.action('open', async ({ ack, body, client }) => {
      await ack()
      if (body.type === 'block_actions') await client.views.open({ trigger_id: body.trigger_id, view: first })
    })
    app.view('first', async ({ ack, view }) => {
      taken = view.state.values
      await ack({ response_action: 'push', view: second })
    })
    const button = { type: 'button' as const, action_id: 'open', text: words('Open it') }
    await app.client.chat.postMessage({ channel, text: 'open', blocks: [{ type: 'actions', elements: [button] }] })
    await page.goto(slack.pageUrl)
    await page.getByRole('button', { name: 'Open it' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('menu').selectOption('two')
    await dialog.getByRole('radiogroup', { name: 'radio' }).getByText('two').click()
    for (const box of await dialog.getByRole('checkbox').all()) await box.check()
    await dialog.getByLabel('person').selectOption({ label: 'Sam' })
    await dialog.getByLabel('text').fill('because\nof this')
    expect(await barriersIn(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Go on' }).click()
    await dialog.getByRole('heading', { name: 'Second' }).waitFor()
    expect(taken).toMatchObject({
      menu: { a: { selected_option: options[1] } },
      radio: { a: { selected_option: options[1] } },
      boxes: { a: { selected_options: options } },
      person: { a: { selected_user: sam } },
      text: { a: { value: 'because\nof this' } },
    })
    await page.keyboard.press('Escape')
    expect(await dialog.getByLabel('text').inputValue()).toBe('because\nof this')
    expect(await dialog.getByRole('checkbox', { checked: true }).count()).toBe(2)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
  })

  it('asks before a button with a confirmation, and leaves it at that when refused', async () => {
    const words = (text: string) => ({ type: 'plain_text' as const, text })
    const confirm = { title: words('Really?'), text: words('It stands.'), confirm: words('Do it'), deny: words('No') }
    const button = { type: 'button' as const, action_id: 'approve', text: words('Finish'), confirm }
    const posted = await app.client.chat.postMessage({
      channel,
      text: 'to confirm',
      blocks: [{ type: 'actions', elements: [button] }],
    })
    await page.goto(slack.pageUrl)
    const message = page.locator(`[data-ts="${posted.ts}"]`)
    await message.getByRole('button', { name: 'Finish' }).click()
    const question = page.getByRole('dialog', { name: 'Really?' })
    await question.getByRole('button', { name: 'No' }).click()
    await question.waitFor({ state: 'detached' })
    expect(await message.getByRole('button', { name: 'Finish' }).isVisible()).toBe(true)
    await message.getByRole('button', { name: 'Finish' }).click()
    await question.getByRole('button', { name: 'Do it' }).click()
    await message.getByText('approved by dana').waitFor()
  })

  it('marks what was not read, until it is', async () => {
    await page.goto(slack.pageUrl)
    await page.getByRole('button', { name: 'billing-deploys' }).click()
    await slack.control.type(alex, 'C0ELSE', 'psst @dana')
    await page.getByRole('button', { name: 'elsewhere 1 unread' }).click()
    await page.getByText('psst').waitFor()
    await page.getByRole('button', { name: 'billing-deploys' }).click()
    expect(await page.getByText('1 unread').count()).toBe(0)
  })

  it('opens App Home as the app publishes it, and a thread over the channel of a phone', async () => {
    const { reply } = await slack.control.type(dana, channel, 'where is the log?')
    await slack.control.type(alex, channel, 'in the sandbox', reply!.ts)
    await page.setViewportSize(phone)
    await page.goto(slack.pageUrl)
    await page.locator(`[data-ts="${reply!.ts}"]`).getByRole('button', { name: '1 reply' }).click()
    const thread = page.getByRole('complementary', { name: 'Thread' })
    await thread.getByText('in the sandbox').waitFor()
    expect(await page.getByRole('log', { name: 'Messages' }).isVisible()).toBe(false)
    await thread.getByRole('textbox', { name: 'Reply' }).fill('thanks')
    await page.keyboard.press('Enter')
    await thread.getByText('thanks').waitFor()
    expect(await barriersIn(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByRole('log', { name: 'Messages' }).waitFor()

    await page.getByRole('button', { name: 'Channels' }).click()
    await page.getByRole('button', { name: /^Purser/ }).click()
    await page.getByRole('heading', { name: 'Environments' }).waitFor()
    expect(await barriersIn(page)).toEqual([])
  })

  it('shows the raw traffic and hands out the commands of the sandbox', async () => {
    await page.goto(slack.pageUrl)
    await page.getByRole('button', { name: 'Copy kubeconfig' }).click()
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe('export KUBECONFIG=here')
    slack.control.setAddresses([{ label: 'psql', command: 'psql service' }])
    await page.getByRole('button', { name: 'Copy psql' }).waitFor()

    await page.getByRole('button', { name: 'Inspector', exact: true }).click()
    const inspector = page.getByRole('region', { name: 'Inspector' })
    await slack.control.type(dana, channel, '/billing deploy v7.7.7')
    await inspector.getByLabel('Filter traffic').fill('v7.7.7')
    await inspector.getByRole('button', { name: '/billing deploy v7.7.7' }).click()
    await inspector.getByText('"user_name": "dana"').waitFor()
    await inspector.getByRole('button', { name: /chat\.postMessage.*ok/ }).click()
    await inspector.getByText('"text": "*deploy v7.7.7*"').first().waitFor()
    expect(await barriersIn(page)).toEqual([])
    await page.keyboard.press('Escape')
    await inspector.waitFor({ state: 'detached' })
  })

  it('shows what people write as text, never as HTML', async () => {
    const evil = `<img src=x onerror="document.title='owned'"> <javascript:alert(1)|click> *<b>bold</b>*`
    const { reply } = await slack.control.type(dana, channel, evil)
    await slack.control.type(alex, channel, evil, reply!.ts)
    await page.goto(`${slack.pageUrl}archives/${channel}/p${reply!.ts.replace('.', '')}`)
    const message = page.locator(`[data-ts="${reply!.ts}"]`)
    await message.waitFor()
    expect(await message.locator('.blocks').innerText()).toBe(
      `<img src=x onerror="document.title='owned'"> <javascript:alert(1)|click> <b>bold</b>`,
    )
    await message.getByRole('button', { name: '1 reply' }).click()
    await page.getByRole('complementary', { name: 'Thread' }).getByText('onerror').nth(1).waitFor()
    expect(await page.locator('img, a[href^=javascript], .text b').count()).toBe(0)
  })

  it('draws a link that is none, a table and a chart of the app without harm, in both colours', async () => {
    const cells = (...texts: string[]) => texts.map((text) => ({ type: 'raw_text' as const, text }))
    const evil = 'javascript:alert(1)'
    const link = { type: 'link', url: 'https://example.org/log', text: 'log' }
    const rich = { type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [link] }] }
    const series = [{ name: 'errors', data: ['a', 'b'].map((label, value) => ({ label, value })) }]
    const chart = { type: 'line', series, axis_config: { categories: ['a', 'b'] } }
    const plan = {
      type: 'plan',
      title: 'Two phases',
      tasks: [
        { type: 'task_card', task_id: '1', title: 'Migrate', status: 'complete' },
        { type: 'task_card', task_id: '2', title: 'Roll out', status: 'error', details: rich },
      ],
    }
    const blocks = [
      { type: 'markdown', text: `[press me](${evil}) <b onclick="${evil}">bold</b>` },
      { type: 'section', text: { type: 'mrkdwn', text: `<${evil}|press me>` } },
      { type: 'table', rows: [cells('Check', 'Seen'), cells('Open grace periods', '3')] },
      { type: 'data_visualization', title: 'Error rate', chart },
      plan,
    ]
    const body = { channel, text: 'x', blocks: JSON.stringify(blocks) }
    const { ts } = (await app.client.apiCall('chat.postMessage', body)) as { ts?: string }
    await page.goto(slack.pageUrl)
    const message = page.locator(`[data-ts="${ts}"]`)
    await message.getByText('press me').first().waitFor()
    await message.getByText('Two phases').click()
    expect(await message.locator('a[href^="javascript"], b').count()).toBe(0)
    expect(await message.getByRole('link', { name: 'log' }).getAttribute('href')).toBe('https://example.org/log')
    expect(await message.getByRole('row').last().innerText()).toContain('Open grace periods')
    expect(await message.getByRole('img', { name: /Line chart: Error rate/ }).count()).toBe(1)
    expect(await message.getByRole('img', { name: /^(done|failed)$/ }).count()).toBe(3)
    expect(await barriersIn(page)).toEqual([])
    await page.getByRole('button', { name: 'Dark colours' }).click()
    expect(await barriersIn(page)).toEqual([])
    await page.setViewportSize(phone)
    const width = () => page.evaluate('document.documentElement.scrollWidth')
    expect(await width()).toBe(phone.width)
    expect(await message.evaluate((it) => it.scrollWidth - it.clientWidth)).toBe(0)
  })
})
