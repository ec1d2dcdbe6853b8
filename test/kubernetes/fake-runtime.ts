import http from 'node:http'

import {
  type ContainerRuntime,
  type ContainerSpec,
  ImagePullFailure,
  type RunningContainer,
} from '../../sandbox/kubernetes/runtime.ts'

/**
 * Containers that are HTTP servers inside the test. The image's tag or digest name says how they behave: `missing` and `bad` cannot be
 * pulled, `crash` exits at once, `unready` never answers 200, `slow` is pulled for ever. Jobs print two lines and end; with the command or tag `fail` they exit 1.
 */
export function fakeRuntime(): ContainerRuntime & { readonly started: readonly ContainerSpec[] } {
  const started: ContainerSpec[] = []
  return {
    started,
    async pull(image) {
      if (image.endsWith(':slow')) return new Promise(() => undefined)
      if (/missing|\bbad$/.test(image)) {
        const reason = `rpc error: code = NotFound desc = failed to resolve reference "${image}": ${image}: not found`
        throw new ImagePullFailure(reason)
      }
      return { imageID: image.includes('@') ? image : `${image.replace(/:[^/]*$/, '')}@${digestOf(image)}` }
    },
    start(spec, onLog) {
      started.push(spec)
      onLog(`${spec.podName} starts ${spec.image}`)
      if (spec.kind === 'job') return job(spec, onLog)
      if (spec.image.includes('crash')) return ended(1, () => onLog('Error: STRIPE_KEY is not set'))
      return service(spec, onLog)
    },
  }
}

export function digestOf(image: string): string {
  return `sha256:${Buffer.from(image).toString('hex').padEnd(64, '0').slice(0, 64)}`
}

function job(spec: ContainerSpec, onLog: (line: string) => void): RunningContainer {
  return ended(spec.command.includes('fail') || spec.image.endsWith(':fail') ? 1 : 0, () => onLog('retried 3 webhooks'))
}

function ended(exitCode: number, before: () => void): RunningContainer {
  const exited = new Promise<{ exitCode: number }>((resolve) => {
    setImmediate(() => {
      before()
      resolve({ exitCode })
    })
  })
  return { exited, stop: async () => void (await exited) }
}

function service(spec: ContainerSpec, onLog: (line: string) => void): RunningContainer {
  const server = http.createServer((request, response) => {
    onLog(`${request.method} ${request.url}`)
    const status = spec.image.includes('unready') ? 503 : 200
    request.resume()
    request.on('end', () => response.writeHead(status).end(JSON.stringify({ pod: spec.podName, env: spec.env })))
  })
  const exited = new Promise<{ exitCode: number }>((resolve) => server.on('close', () => resolve({ exitCode: 143 })))
  server.on('error', () => server.emit('close'))
  server.listen(spec.port, '127.0.0.1')
  onLog('PlanEnforcement middleware loaded, billing webhook route ready')
  const stop = async () => {
    server.close()
    server.closeAllConnections()
    await exited
  }
  return { exited, stop }
}
