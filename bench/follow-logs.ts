/** How fast logs are followed, and with how much memory: `npx tsx bench/follow-logs.ts [lines]`. */
import http from 'node:http'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { openCluster } from '../src/adapters/kubernetes/client.ts'

const wanted = Number(process.argv[2] ?? 1_000_000)
const labels = { app: 'api' }
const object = { name: 'api', uid: 'd', resourceVersion: '1' }
const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [] } } }
const pod = { metadata: { name: 'api-1', uid: 'p', resourceVersion: '1' }, spec: { containers: [] }, status: {} }

/** A server that writes lines as fast as they are taken. */
const server = http.createServer((request, response) => {
  const url = request.url ?? ''
  if (url.includes('/log?')) return void write(response)
  if (url.includes('watch=true')) return response.writeHead(200).flushHeaders()
  const list = { metadata: { resourceVersion: '1' }, items: [pod] }
  return void response.end(JSON.stringify(url.includes('/pods?') ? list : { metadata: object, spec }))
})

async function write(response: http.ServerResponse): Promise<void> {
  const text = `info billing webhook processed ${'x'.repeat(100)}`
  for (let line = 0; line < wanted && !response.destroyed;) {
    let chunk = ''
    for (let index = 0; index < 200; index += 1, line += 1)
      chunk += `2026-01-01T00:00:00.${String(line).padStart(9, '0')}Z ${text}\n`
    if (!response.write(chunk)) await once(response, 'drain').catch(() => undefined)
  }
}

server.listen(0, '127.0.0.1')
await once(server, 'listening')
const folder = await mkdtemp(path.join(tmpdir(), 'purser-bench-'))
const kubeconfig = path.join(folder, 'config')
const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const cluster = { name: 'c', cluster: { server: address, 'insecure-skip-tls-verify': true } }
const context = { name: 'c', context: { cluster: 'c', user: 'c' } }
const users = [{ name: 'c', user: { token: 'none' } }]
await writeFile(kubeconfig, JSON.stringify({ clusters: [cluster], contexts: [context], users, 'current-context': 'c' }))

const stop = new AbortController()
let lines = 0
let peak = 0
const atStart = process.memoryUsage().rss
const started = performance.now()
const follow = { deployment: 'api', container: 'api', since: '2025-01-01T00:00:00Z' }
const onLine = () => {
  lines += 1
  if (lines % 10_000 === 0) peak = Math.max(peak, process.memoryUsage().rss)
  if (lines === wanted) stop.abort()
}
await openCluster({ kubeconfig, namespace: 'production' }).followLogs(follow, onLine, stop.signal)
const seconds = (performance.now() - started) / 1_000
server.closeAllConnections()
server.close()
await rm(folder, { recursive: true })
const grown = Math.max(0, peak - atStart) / 1_048_576
console.log(
  `${lines} lines in ${seconds.toFixed(1)} s: ${Math.round(lines / seconds)} lines/s, ${grown.toFixed(0)} MiB more at the peak`,
)
