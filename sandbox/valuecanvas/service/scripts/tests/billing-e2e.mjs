// The checks behind billing-e2e.sh, reported as TAP: ok / not ok lines, diagnostics after `#`, exit code 1 on a failure.
import { execFileSync } from 'node:child_process'
import { createHmac, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { checks as more } from './more-checks.mjs'

const base = process.env.BILLING_API_URL.replace(/\/+$/, '')
const webhook = `${base}/api/billing/webhooks/stripe`
const own = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const version = (process.env.EXPECTED_VERSION ?? own.version).replace(/^v/, '')
const timeout = () => ({ signal: AbortSignal.timeout(10_000) })

/** One value from the database. The password goes by environment: arguments can be read by everybody on the machine. */
function sql(query) {
  const url = new URL(process.env.DATABASE_URL)
  const env = {
    ...process.env,
    PGHOST: url.hostname,
    PGPORT: url.port || '5432',
    PGUSER: decodeURIComponent(url.username),
    PGPASSWORD: decodeURIComponent(url.password),
    PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
    PGSSLMODE: url.searchParams.get('sslmode') ?? 'prefer',
    PGCONNECT_TIMEOUT: '10',
  }
  return execFileSync('psql', ['-X', '-At', '-v', 'ON_ERROR_STOP=1', '-c', query], { env, timeout: 15_000 })
    .toString()
    .trim()
}

function expect(actual, wanted, what) {
  if (actual !== wanted) throw new Error(`${what}: expected ${wanted}, got ${actual}`)
}

const checks = {
  'the API answers on /health': async () => expect((await fetch(`${base}/health`, timeout())).status, 200, 'status'),
  [`version ${version} is serving`]: async () => {
    expect((await (await fetch(`${base}/health`, timeout())).json()).version, version, 'version')
  },
  'an unsigned webhook is refused': async () => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"test": true}' }
    expect((await fetch(webhook, { ...init, ...timeout() })).status, 400, 'status')
  },
  'a signed webhook of an unknown type is acknowledged': async () => {
    const secret = process.env.STRIPE_WEBHOOK_SECRET?.split(',')[0]
    if (!secret) return 'SKIP STRIPE_WEBHOOK_SECRET is not set'
    const body = JSON.stringify({
      id: `evt_e2e_${randomUUID()}`,
      object: 'event',
      type: 'purser.probe',
      data: { object: {} },
    })
    const time = Math.floor(Date.now() / 1000)
    const signature = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')
    const headers = { 'content-type': 'application/json', 'stripe-signature': `t=${time},v1=${signature}` }
    expect((await fetch(webhook, { method: 'POST', headers, body, ...timeout() })).status, 200, 'status')
  },
  ...Object.fromEntries(
    ['webhook_events', 'billing_audit_log', 'grace_periods', 'webhook_dead_letter_queue'].map((table) => [
      `table ${table} exists`,
      () => expect(sql(`select to_regclass('public.${table}') is not null`), 't', table),
    ]),
  ),
  'row level security guards grace_periods': () =>
    expect(
      sql(`select relrowsecurity from pg_class where oid = 'public.grace_periods'::regclass`),
      't',
      'relrowsecurity',
    ),
  'webhook events are being processed': async () => {
    const stuck = `select count(*) from webhook_events where not processed and received_at between now() - interval '1 hour' and now() - interval '1 minute'
      and event_id not in (select event_id from webhook_dead_letter_queue)`
    expect(sql(stuck), '0', 'events unprocessed for a minute')
    for (let waited = 0; waited < 15; waited += 1) {
      const seen = sql(
        `select count(*) from webhook_events where processed and received_at > now() - interval '1 hour'`,
      )
      if (seen !== '0') return `${seen} in the last hour`
      await sleep(1000)
    }
    return 'SKIP no traffic in the last hour'
  },
  ...more({ base, sql, expect }),
}

const names = Object.keys(checks)
console.log(`1..${names.length}`)
let failed = 0
for (const [index, name] of names.entries()) {
  try {
    const note = await checks[name]()
    console.log(`ok ${index + 1} - ${name}${note ? ` # ${note}` : ''}`)
  } catch (error) {
    failed += 1
    console.log(`not ok ${index + 1} - ${name}`)
    for (const line of `${error.stderr ?? ''}${error.message}`.trim().split('\n')) console.log(`#   ${line}`)
  }
}
console.log(`# ${names.length - failed} of ${names.length} passed`)
process.exitCode = failed > 0 ? 1 : 0
