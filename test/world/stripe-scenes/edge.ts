import { createServer, type IncomingHttpHeaders, request as post } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request on its way to the service. */
export interface Passing {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

interface Answer {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * What stands before the service or changes how it answers. `instead` answers in its place; `afterwards` answers after
 * the service has taken the request, whose own answer is lost.
 */
export interface EdgeRule {
  readonly instead?: (passing: Passing) => Answer | undefined
  readonly afterwards?: (passing: Passing) => Answer | undefined
}

/** The address that Stripe and Purser know of the service: everything passes to the cluster's ingress, unless a rule says otherwise. */
export interface Edge {
  readonly url: string
  setRule(rule: EdgeRule | undefined): void
  close(): Promise<void>
}

export async function startEdge(ingressUrl: string): Promise<Edge> {
  let rule: EdgeRule | undefined
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const passing = { headers: request.headers, body: body.toString() }
      const answer = ({ status, body: text = '', headers = {} }: Answer) =>
        response.writeHead(status, headers).end(text)
      const instead = rule?.instead?.(passing)
      if (instead !== undefined) return void answer(instead)
      const { method = 'GET', url = '/', headers } = request
      const passed = post(new URL(url, ingressUrl), { method, headers }, (from) => {
        const afterwards = rule?.afterwards?.(passing)
        if (afterwards === undefined) return void from.pipe(response.writeHead(from.statusCode ?? 502, from.headers))
        from.resume().on('end', () => answer(afterwards))
      })
      passed.on('error', () => response.destroy())
      passed.end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setRule: (next) => void (rule = next),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
