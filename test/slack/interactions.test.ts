import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { SlackSimulator } from '../../sandbox/slack/simulator.ts'
import { channel, dana, openRoom, sam, tokens } from './room.ts'

interface Delivered {
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly fields: Record<string, string>
}

let slack: SlackSimulator
let app: Server
let delivered: Delivered[]
let answer: { status: number; body: string }

beforeEach(async () => {
  delivered = []
  answer = { status: 200, body: '' }
  app = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      delivered.push({ headers: request.headers, body, fields: Object.fromEntries(new URLSearchParams(body)) })
      response.writeHead(answer.status).end(answer.body)
    })
  })
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
  const { port } = app.address() as AddressInfo
  slack = await openRoom({ http: { requestUrl: `http://127.0.0.1:${port}/slack/events` }, eventRetriesMs: [0, 1] })
})
afterEach(async () => {
  await slack.close()
  app.closeAllConnections()
  await new Promise((resolve) => app.close(resolve))
})

async function send(url: string, body: unknown) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens.botToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

it('signs what it delivers and writes mentions as Slack does', async () => {
  await slack.control.type(dana, channel, '/billing deploy v1.2.0; rm -rf / <b> @sam #billing-deploys #42')
  const [{ headers, body, fields }] = delivered as [Delivered]
  const signed = `v0:${String(headers['x-slack-request-timestamp'])}:${body}`
  const digest = createHmac('sha256', tokens.signingSecret).update(signed).digest('hex')
  expect(headers['x-slack-signature']).toBe(`v0=${digest}`)
  expect(fields).toMatchObject({ command: '/billing', user_id: dana, channel_id: channel })
  expect(fields.text).toBe(`deploy v1.2.0; rm -rf / &lt;b&gt; <@${sam}> <#${channel}|billing-deploys> #42`)
})

it('opens one dialog for one trigger', async () => {
  await slack.control.type(dana, channel, '/billing rollback')
  const view = { type: 'modal', title: { type: 'plain_text', text: 'x' }, blocks: [] }
  const open = () => send(`${slack.apiUrl}views.open`, { trigger_id: delivered[0]!.fields.trigger_id, view })
  expect((await open()).body).toMatchObject({ ok: true, view: { type: 'modal' } })
  expect((await open()).body).toMatchObject({ ok: false, error: 'exchanged_trigger_id' })
  const { id, hash } = slack.control.openView(dana)!
  const update = (hashSeen: string) => send(`${slack.apiUrl}views.update`, { view_id: id, hash: hashSeen, view })
  expect((await update(hash)).body).toMatchObject({ ok: true })
  expect((await update(hash)).body).toMatchObject({ error: 'hash_conflict' })
})

it('takes five answers at a response_url', async () => {
  await slack.control.type(dana, channel, '/billing status')
  const url = delivered[0]!.fields.response_url!
  for (const n of [1, 2, 3, 4, 5]) expect((await send(url, { text: `answer ${n}` })).status).toBe(200)
  expect(await send(url, { text: 'answer 6' })).toMatchObject({ status: 404, body: { error: 'used_url' } })
  expect(slack.control.messagesSeenBy(dana, channel)).toHaveLength(5)
  expect(slack.control.messagesSeenBy(sam, channel)).toHaveLength(0)
})

it('shows an in_channel answer to everybody, with the command above it', async () => {
  answer.body = JSON.stringify({ response_type: 'in_channel', text: 'all quiet' })
  await slack.control.type(dana, channel, '/billing status')
  expect(slack.control.messagesSeenBy(sam, channel).map(({ text }) => text)).toEqual(['/billing status', 'all quiet'])
})

it('never repeats a command, but repeats an event that was not acknowledged', async () => {
  answer.status = 500
  expect(await slack.control.type(dana, channel, '/billing status')).toMatchObject({ error: 'dispatch_failed' })
  expect(delivered).toHaveLength(1)
  await slack.control.openHome(dana)
  await vi.waitFor(() => expect(delivered).toHaveLength(4), { timeout: 10_000 })
  const retries = delivered.slice(2).map(({ headers }) => headers['x-slack-retry-num'])
  expect(retries).toEqual(['1', '2'])
  expect(new Set(delivered.slice(1).map(({ body }) => (JSON.parse(body) as { event_id: string }).event_id)).size).toBe(
    1,
  )
})

it('says which button there is when there is none of that name', async () => {
  const blocks = [
    {
      type: 'actions',
      elements: [{ type: 'button', action_id: 'approve', text: { type: 'plain_text', text: 'Approve' } }],
    },
  ]
  const { body } = await send(`${slack.apiUrl}chat.postMessage`, { channel, text: 'x', blocks })
  await expect(slack.control.press(dana, channel, body.ts as string, 'reject')).rejects.toThrow('there is approve')
})
