import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { openPool } from './database.mjs'
import { log } from './log.mjs'
import { planEnforcement } from './middleware/plan-enforcement.mjs'
import { webhookHandler } from './services/billing/webhook.mjs'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const pool = openPool(process.env.DATABASE_URL)
const stripeWebhook = webhookHandler({ pool, secret: process.env.STRIPE_WEBHOOK_SECRET })
// Switched off while a migration of plans is under way, for example.
const enforce = process.env.PLAN_ENFORCEMENT === 'off' ? async () => undefined : planEnforcement(pool)
const largestBody = 1024 * 1024

const server = createServer((request, response) => {
  answer(request)
    .catch((error) => {
      log('error', 'request failed', { method: request.method, path: request.url, error: error.message })
      return { status: 500, body: { error: 'internal error' } }
    })
    .then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    })
})

async function answer(request) {
  const path = request.url.split('?')[0]
  if (request.method === 'GET' && path === '/health') return { status: 200, body: { status: 'ok', version } }
  if (request.method === 'POST' && path === '/api/billing/webhooks/stripe') {
    const rawBody = await read(request)
    return rawBody === undefined
      ? { status: 413, body: { error: 'too large' } }
      : stripeWebhook(rawBody, request.headers)
  }
  if (request.method === 'GET' && path === '/api/plan') {
    return (await enforce(request)) ?? { status: 200, body: { plan: 'active' } }
  }
  return { status: 404, body: { error: 'not found' } }
}

async function read(request) {
  const chunks = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length <= largestBody) chunks.push(chunk)
  }
  return length <= largestBody ? Buffer.concat(chunks) : undefined
}

server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '0.0.0.0', () => {
  log('info', 'valuecanvas-api listening', { version, port: server.address().port })
})

process.once('SIGTERM', () => {
  log('info', 'valuecanvas-api stopping')
  server.close(() => pool.end().then(() => process.exit(0)))
  server.closeIdleConnections()
})
