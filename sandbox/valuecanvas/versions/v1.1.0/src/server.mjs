import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { log } from './log.mjs'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

const server = createServer((request, response) => {
  const healthy = request.method === 'GET' && request.url.split('?')[0] === '/health'
  request.resume()
  response.writeHead(healthy ? 200 : 404, { 'content-type': 'application/json' })
  response.end(JSON.stringify(healthy ? { status: 'ok', version } : { error: 'not found' }))
})

server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '0.0.0.0', () => {
  log('info', 'valuecanvas-api listening', { version, port: server.address().port })
})

process.once('SIGTERM', () => {
  log('info', 'valuecanvas-api stopping')
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
