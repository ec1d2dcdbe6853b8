import http from 'node:http'

import type { Kubelet } from './controllers/kubelet.ts'
import { conditionOf, type Deployment, type Pod } from './objects.ts'
import { deployments, pods } from './resources.ts'
import { matchesLabels } from './selectors.ts'
import type { Store } from './store.ts'

export interface IngressTarget {
  readonly namespace: string
  readonly deployment: string
}

/**
 * Stands for load balancer and Service: each request goes to the next Ready pod, body and headers untouched
 * (signatures are made over raw bytes). 502 when there is none.
 */
export function createIngress(store: Store, kubelet: Kubelet, target: IngressTarget): http.Server {
  let turn = 0
  return http.createServer((request, response) => {
    const ports = readyPorts(store, kubelet, target)
    turn += 1
    const port = ports[turn % Math.max(1, ports.length)]
    if (port === undefined) {
      request.resume()
      response.writeHead(502, { 'content-type': 'text/plain' }).end('no ready pod\n')
      return
    }
    const upstream = http.request(
      { host: '127.0.0.1', port, method: request.method, path: request.url, headers: request.headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
        answer.on('error', () => response.destroy())
      },
    )
    upstream.on('error', (error) => {
      if (response.headersSent) response.destroy()
      else response.writeHead(502, { 'content-type': 'text/plain' }).end(`upstream: ${error.message}\n`)
    })
    response.on('close', () => upstream.destroy())
    request.pipe(upstream)
  })
}

function readyPorts(store: Store, kubelet: Kubelet, { namespace, deployment }: IngressTarget): number[] {
  const selector = store.get<Deployment>(deployments, namespace, deployment)?.spec.selector.matchLabels
  if (selector === undefined) return []
  return store
    .list<Pod>(pods, namespace)
    .filter((pod) => matchesLabels(pod, selector) && pod.metadata.deletionTimestamp === undefined)
    .filter((pod) => conditionOf(pod.status.conditions, 'Ready')?.status === 'True')
    .map((pod) => kubelet.portOf(pod))
    .filter((port) => port !== undefined)
}
