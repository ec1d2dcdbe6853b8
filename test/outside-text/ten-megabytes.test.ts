import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, expect, it } from 'vitest'
import { records } from '../../src/adapters/git/records.ts'
import { wholeLines } from '../../src/adapters/kubernetes/api/lines.ts'
import { openCluster } from '../../src/adapters/kubernetes/client.ts'
import { offThread } from '../../src/adapters/off-thread/off-thread.ts'
import { openRegistry } from '../../src/adapters/registry/client.ts'
import { openStripe } from '../../src/adapters/stripe/client.ts'
import { readYaml } from '../../src/config/yaml-text.ts'
import { LineReader } from '../../src/outside-text/lines.ts'
import { cronJobManifest } from '../../src/runbook/cronjobs/manifests.ts'
import { Sensitive } from '../../src/sensitive.ts'

/**
 * Ten megabytes of everything that comes from outside: each is refused with its limit named, or read where nobody waits for it. How long
 * the event loop stands still is measured in bench/latency, as it depends on the machine.
 */

const megabytes = 10_000_000
const signal = () => AbortSignal.timeout(60_000)
const long = (part: string) => part.repeat(Math.ceil(megabytes / part.length))

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function served(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function clusterAt(url: string) {
  const directory = await mkdtemp(join(tmpdir(), 'purser-ten-megabytes-'))
  ends.push(() => rm(directory, { recursive: true }))
  const kubeconfig = join(directory, 'config')
  const content = {
    clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  await writeFile(kubeconfig, JSON.stringify(content))
  return openCluster({ kubeconfig, namespace: 'production' })
}

/** How often others had a turn meanwhile; work at a stretch leaves one or two. */
async function turnsWhile(work: () => Promise<unknown>): Promise<number> {
  let [turns, under] = [0, true]
  const next = () => {
    turns += 1
    if (under) setImmediate(next)
  }
  setImmediate(next)
  await work()
  under = false
  return turns
}

it('an object of the cluster is refused', async () => {
  const body = JSON.stringify({ gitVersion: long('v') })
  const cluster = await clusterAt(await served((_, response) => void response.end(body)))
  await expect(cluster.serverVersion(signal())).rejects.toMatchObject({
    code: 'cluster_answer_too_large',
    message: "reading the cluster's version: the answer has more than 8 MiB",
  })
})

it('an error of the cluster is refused too', async () => {
  const cluster = await clusterAt(
    await served((_, response) => void response.writeHead(500).end(JSON.stringify({ message: long('no ') }))),
  )
  await expect(cluster.serverVersion(signal())).rejects.toMatchObject({ code: 'cluster_answer_too_large' })
})

it('a list of the cluster comes page by page, and none of it is lost', async () => {
  const nodes = Array.from({ length: 1_000 }, (_, at) => ({
    metadata: { name: `node-${at}`, annotations: { note: 'x'.repeat(10_000) } },
    status: { nodeInfo: { operatingSystem: 'linux', architecture: `a${at}` } },
  }))
  const asked: string[] = []
  const url = await served(({ url: path = '' }, response) => {
    const query = new URL(path, 'http://cluster').searchParams
    const from = Number(query.get('continue') ?? 0)
    const to = from + Number(query.get('limit') ?? nodes.length)
    asked.push(`${from}–${to}`)
    const metadata = { resourceVersion: '1', ...(to < nodes.length ? { continue: String(to) } : {}) }
    response.end(JSON.stringify({ metadata, items: nodes.slice(from, to) }))
  })
  const cluster = await clusterAt(url)
  expect(await cluster.nodePlatforms(signal())).toHaveLength(1_000)
  expect(asked).toEqual(['0–250', '250–500', '500–750', '750–1000'])
})

it('a line of a watch is refused before it is whole', async () => {
  const chunk = Buffer.from('x'.repeat(65_536))
  const pushed: Buffer[] = []
  const chunks = function* () {
    for (let size = 0; size < megabytes; size += chunk.length) {
      pushed.push(chunk)
      yield chunk
    }
  }
  const response = Object.assign(Readable.from(chunks()), { complete: true }) as unknown as IncomingMessage
  const read = async () => {
    for await (const line of wholeLines(response, 'watching pods')) expect(line).toBeUndefined()
  }
  await expect(read()).rejects.toMatchObject({ code: 'cluster_answer_too_large' })
  expect(pushed.length * chunk.length).toBeLessThan(megabytes)
})

it('the manifest that a registry serves is refused', async () => {
  const body = JSON.stringify({ schemaVersion: 2, layers: [long('x')] })
  const url = await served((_, response) => void response.end(body))
  const name = `${url.replace('http://', '')}/valuecanvas/api`
  await expect(openRegistry().resolve(name, 'v1', signal())).rejects.toMatchObject({
    code: 'image_registry_trouble',
    message: expect.stringMatching(/the answer is larger than the 4 MiB of a manifest$/),
  })
})

const stripeAt = (apiBase: string) => openStripe({ secretKey: new Sensitive('sk_test_ten'), apiBase, retryDelayMs: 1 })
const wanted = { since: new Date(0), types: ['invoice.paid'], undelivered: false }

it('a page of Stripe whose events are large is asked for again in smaller pages', async () => {
  const event = (at: number) => ({
    id: `evt_${at}`,
    type: 'invoice.paid',
    created: at,
    pending_webhooks: 0,
    data: { object: { id: `in_${at}`, lines: 'x'.repeat(100_000) } },
  })
  const url = await served(({ url: path = '' }, response) => {
    const limit = Number(new URL(path, 'http://stripe').searchParams.get('limit'))
    const data = Array.from({ length: limit }, (_, at) => event(at))
    response.end(JSON.stringify({ object: 'list', data, has_more: true }))
  })
  expect(await stripeAt(url).events(wanted, signal())).toMatchObject({
    events: { length: 10 },
    next: 'evt_9',
  })
})

it('a page of Stripe that stays too large is refused', async () => {
  const body = JSON.stringify({ object: 'list', data: [], has_more: false, more: long('x') })
  const url = await served((_, response) => void response.end(body))
  await expect(stripeAt(url).events(wanted, signal())).rejects.toMatchObject({
    code: 'stripe_answer_too_large',
    message: 'listing events: the answer has more than 8 MiB',
  })
})

const release = {
  file: 'k8s/retry.yaml',
  name: 'retry',
  namespace: 'production',
  repository: 'valuecanvas/api',
  image: 'valuecanvas/api@sha256:1',
}

it('a Kubernetes manifest is refused', async () => {
  const text = `kind: CronJob\nspec:\n${long('  - {a: b}\n')}`
  const cluster = await clusterAt('http://127.0.0.1:1')
  const yaml = await cluster.readManifest(text, signal())
  expect(() => cronJobManifest(text, yaml, release)).toThrow(
    expect.objectContaining({
      code: 'bad_manifest',
      message: 'reading k8s/retry.yaml: it is too long for a manifest',
      evidence: [expect.stringMatching(/^it has \d+ KiB, but at most 256 KiB are read$/)],
    }),
  )
})

it('the largest manifest that is read keeps nobody waiting', async () => {
  const text = `kind: List\nitems:\n${'  - {a: b}\n'.repeat(23_000)}`
  const cluster = await clusterAt('http://127.0.0.1:1')
  const turns = await turnsWhile(async () => {
    const read = await cluster.readManifest(text, signal())
    expect(read).toMatchObject({ ok: true, documents: [{ value: { items: { length: 23_000 } } }] })
  })
  expect(turns).toBeGreaterThan(10)
})

it('a configuration is refused', () => {
  expect(readYaml(long('key: value\n'))).toEqual({
    ok: false,
    problems: [expect.stringMatching(/^it has \d+ KiB, but at most 256 KiB are read$/)],
  })
})

it('SQL is read where nobody waits for it', async () => {
  const sql = long(`insert into events (id, kind) values (1, '${'x'.repeat(300)}');\n`)
  const turns = await turnsWhile(async () => {
    expect((await offThread('text', sql, signal())).calls).toEqual([])
  })
  expect(turns).toBeGreaterThan(10)
})

it('an answer of git is read in portions', async () => {
  const line = (at: number) => `100644 blob ${'a'.repeat(40)}\tsupabase/migrations/${at}_of_many.sql`
  const printed = Buffer.from(Array.from({ length: 110_000 }, (_, at) => line(at)).join('\0'))
  expect(printed.length).toBeGreaterThan(8_000_000)
  const turns = await turnsWhile(async () => {
    const read = await records(printed, '\0', (record) => record)
    expect([read.length, read[0], read.at(-1)]).toEqual([110_000, line(0), line(109_999)])
  })
  expect(turns).toBeGreaterThan(10)
})

it('of a line of a log its beginning is kept', () => {
  const reader = new LineReader()
  const chunk = Buffer.from('x'.repeat(65_536))
  for (let size = 0; size < megabytes; size += chunk.length) expect(reader.push(chunk)).toEqual([])
  const [line] = reader.push(Buffer.from('\n'))
  expect(line?.text).toHaveLength(32_768)
  expect(line?.left).toBeGreaterThan(9_900_000)
})
