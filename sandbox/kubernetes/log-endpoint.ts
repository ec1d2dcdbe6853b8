import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Pod } from './objects.ts'
import type { Line } from './pod-logs.ts'
import { badRequest, forbiddenValue, invalid, invalidValue, notFound, StatusError } from './status.ts'
import { nodes, pods } from './resources.ts'
import type { Store } from './store.ts'
import { type ContainerLogs, NODE } from './controllers/kubelet.ts'

/** `GET …/pods/x/log`: the checks of the API server and the kubelet, then the lines. */
export function serveLog(
  store: Store,
  pod: Pod,
  query: URLSearchParams,
  logsOf: (container: string) => ContainerLogs,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const container = chosenContainer(pod, query.get('container') ?? undefined)
  const tailLines = count(pod, query, 'tailLines', 0)
  const limitBytes = count(pod, query, 'limitBytes', 1)
  count(pod, query, 'sinceSeconds', 1)
  if (query.has('sinceSeconds') && query.has('sinceTime'))
    throw invalid(podLogOptions, pod.metadata.name, [
      forbiddenValue('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified'),
    ])
  if (pod.spec.nodeName === undefined) {
    response.writeHead(204).end()
    return
  }
  if (pod.spec.nodeName !== NODE) throw unreachable(store, pod, container, pod.spec.nodeName)
  const { current, previous } = logsOf(container)
  const wantsPrevious = query.get('previous') === 'true'
  const log = wantsPrevious ? previous : current
  if (log === undefined) throw wantsPrevious ? noPrevious(pod, container) : notStarted(pod, container)
  // The kubelet has sent its head before it asks the runtime, so it can only say in the body that there is no log.
  if (log.lost) {
    response
      .writeHead(200, { 'content-type': 'text/plain' })
      .end(`unable to retrieve container logs for ${log.container}`)
    return
  }
  const sinceTime = since(query)
  const recent = log.lines.filter((line) => sinceTime === undefined || Date.parse(line.at) >= sinceTime)
  const shown = tailLines === undefined ? recent : tailLines === 0 ? [] : recent.slice(-tailLines)
  const stamped = query.get('timestamps') === 'true'
  const text = (line: Line) => `${stamped ? `${line.at} ` : ''}${line.text}\n`

  response.writeHead(200, { 'content-type': 'text/plain' })
  const all = shown.map(text).join('')
  if (query.get('follow') !== 'true' || wantsPrevious) {
    response.end(limitBytes === undefined ? all : Buffer.from(all).subarray(0, limitBytes))
    return
  }
  response.flushHeaders()
  if (all !== '') response.write(all)
  const stop = log.follow((line) => (line === undefined ? response.end() : response.write(text(line))))
  request.on('close', stop)
  response.on('close', stop)
}

const podLogOptions = { group: '', kind: 'PodLogOptions' }

/** Where a kubelet that is not there would listen. */
const NOBODY = '127.0.0.1:10250'

function unreachable(store: Store, pod: Pod, container: string, node: string): StatusError {
  if (store.get(nodes, undefined, node) === undefined) return notFound(pods, node)
  const { namespace, name } = pod.metadata
  const url = `https://${NOBODY}/containerLogs/${namespace}/${name}/${container}`
  return new StatusError(500, undefined, `Get "${url}": dial tcp ${NOBODY}: connect: connection refused`)
}

function chosenContainer(pod: Pod, wanted: string | undefined): string {
  const names = pod.spec.containers.map((container) => container.name)
  const { name } = pod.metadata
  if (wanted !== undefined) {
    if (!names.includes(wanted)) throw badRequest(`container ${wanted} is not valid for pod ${name}`)
    return wanted
  }
  if (names.length > 1)
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`)
  return names[0] ?? ''
}

function count(pod: Pod, query: URLSearchParams, field: string, minimum: number): number | undefined {
  const text = query.get(field)
  if (text === null) return undefined
  if (!/^-?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing "${text}": invalid syntax`)
  const value = Number(text)
  if (value >= minimum) return value
  throw invalid(podLogOptions, pod.metadata.name, [
    invalidValue(field, value, `must be greater than ${minimum === 0 ? 'or equal to 0' : '0'}`),
  ])
}

function since(query: URLSearchParams): number | undefined {
  const time = query.get('sinceTime')
  const seconds = query.get('sinceSeconds')
  if (time !== null) return Math.floor(Date.parse(time) / 1_000) * 1_000
  return seconds === null ? undefined : Date.now() - Number(seconds) * 1_000
}

function noPrevious(pod: Pod, container: string) {
  return badRequest(`previous terminated container "${container}" in pod "${pod.metadata.name}" not found`)
}

function notStarted(pod: Pod, container: string) {
  const waiting = pod.status.containerStatuses?.find((status) => status.name === container)?.state.waiting?.reason
  const reasons: Record<string, string> = {
    ErrImagePull: "image can't be pulled",
    ImagePullBackOff: 'trying and failing to pull image',
  }
  const why = reasons[waiting ?? ''] ?? waiting ?? 'ContainerCreating'
  return badRequest(`container "${container}" in pod "${pod.metadata.name}" is waiting to start: ${why}`)
}
