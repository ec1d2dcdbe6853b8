import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { type Container, type ContainerState, type ContainerStatus, earlier, type Pod, timestamp } from '../objects.ts'
import { ContainerLog } from '../pod-logs.ts'
import { type ContainerRuntime, ImagePullFailure, type RunningContainer } from '../runtime.ts'
import type { Store } from '../store.ts'
import { ContainerConfigError, environmentOf, expand } from './environment.ts'

/** Waits here are this part of what a kubelet waits: a crash loop should be seen in seconds. */
const PACE = 0.1
const FIRST_BACK_OFF_MS = 10_000
const LONGEST_BACK_OFF_MS = 300_000
/** Until it is ready once, a container is probed at least this often: a demonstration should not wait for `periodSeconds`. */
const EAGER_PROBE_MS = 250

interface ContainerSetup {
  readonly store: Store
  readonly runtime: ContainerRuntime
  readonly pod: Pod
  readonly container: Container
  readonly kind: 'service' | 'job'
  readonly report: () => void
  readonly event: (type: 'Normal' | 'Warning', reason: string, message: string) => void
}

/** One container from image pull to its last exit, with the kubelet's reasons and messages. */
export class ContainerWorker {
  readonly name: string
  readonly #setup: ContainerSetup
  #state: ContainerState = { waiting: { reason: 'ContainerCreating' } }
  #lastState: ContainerState = {}
  #ready = false
  #restarts = 0
  #imageID = ''
  #running: RunningContainer | undefined
  #port: number | undefined
  log: ContainerLog | undefined
  previousLog: ContainerLog | undefined

  constructor(setup: ContainerSetup) {
    this.#setup = setup
    this.name = setup.container.name
  }

  get port(): number | undefined {
    return this.#state.running === undefined ? undefined : this.#port
  }

  status(): ContainerStatus {
    return {
      name: this.name,
      state: this.#state,
      lastState: this.#lastState,
      ready: this.#ready,
      restartCount: this.#restarts,
      image: this.#setup.container.image,
      imageID: this.#imageID,
      started: this.#state.running !== undefined,
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let crashes = 0; !signal.aborted; crashes += 1) {
      if (!(await this.#pulled(signal))) return
      const env = await this.#configured(signal)
      if (env === undefined) return
      const exitCode = await this.#runOnce(env, signal)
      if (signal.aborted || !this.#restartsAfter(exitCode)) return
      if (crashes > 0) await this.#backOff(crashes - 1, signal)
      if (signal.aborted) return
      this.#restarts += 1
    }
  }

  /** A container that runs was started so much earlier. */
  age(ms: number): void {
    const { running } = this.#state
    if (running !== undefined) this.#set({ running: { startedAt: earlier(running.startedAt, ms) } }, this.#ready)
  }

  async stop(graceMs: number): Promise<void> {
    await this.#running?.stop(graceMs)
  }

  #set(state: ContainerState, ready = false): void {
    this.#state = state
    this.#ready = ready
    this.#setup.report()
  }

  #restartsAfter(exitCode: number): boolean {
    const policy = this.#setup.pod.spec.restartPolicy ?? 'Always'
    return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
  }

  async #pulled(signal: AbortSignal): Promise<boolean> {
    const { image } = this.#setup.container
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      this.#setup.event('Normal', 'Pulling', `Pulling image "${image}"`)
      try {
        this.#imageID = (await this.#setup.runtime.pull(image)).imageID
        this.#setup.event('Normal', 'Pulled', `Successfully pulled image "${image}"`)
        return !signal.aborted
      } catch (error) {
        if (signal.aborted) return false
        const message =
          error instanceof ImagePullFailure ? error.message : `rpc error: code = Unknown desc = ${String(error)}`
        this.#setup.event('Warning', 'Failed', `Failed to pull image "${image}": ${message}`)
        this.#setup.event('Warning', 'Failed', 'Error: ErrImagePull')
        this.#set({ waiting: { reason: 'ErrImagePull', message } })
        await pause(1_000, signal)
        if (signal.aborted) return false
        this.#setup.event('Normal', 'BackOff', `Back-off pulling image "${image}"`)
        this.#setup.event('Warning', 'Failed', 'Error: ImagePullBackOff')
        this.#set({ waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}"` } })
        await pause(backOffMs(attempt) * PACE, signal)
      }
    }
    return false
  }

  async #configured(signal: AbortSignal): Promise<Record<string, string> | undefined> {
    while (!signal.aborted) {
      try {
        return environmentOf(this.#setup.store, this.#setup.pod, this.#setup.container)
      } catch (error) {
        if (!(error instanceof ContainerConfigError)) throw error
        this.#setup.event('Warning', 'Failed', `Error: ${error.message}`)
        this.#set({ waiting: { reason: 'CreateContainerConfigError', message: error.message } })
        await pause(FIRST_BACK_OFF_MS * PACE, signal)
      }
    }
    return undefined
  }

  async #runOnce(environment: Record<string, string>, signal: AbortSignal): Promise<number> {
    const { runtime, pod, container, kind } = this.#setup
    const port = await freePort()
    if (signal.aborted) return 0
    const env = { ...environment, PORT: String(port) }
    const log = new ContainerLog()
    this.previousLog = this.log
    this.log = log
    this.#port = port
    this.#setup.event('Normal', 'Created', `Created container ${this.name}`)
    const running = runtime.start(
      {
        image: container.image,
        command: (container.command ?? []).map((part) => expand(part, env)),
        args: (container.args ?? []).map((part) => expand(part, env)),
        env,
        podName: pod.metadata.name,
        port,
        kind,
      },
      (line) => log.write(line),
    )
    this.#running = running
    this.#setup.event('Normal', 'Started', `Started container ${this.name}`)
    const startedAt = timestamp()
    this.#set({ running: { startedAt } }, container.readinessProbe === undefined)
    const over = new AbortController()
    const probing = this.#probe(port, AbortSignal.any([signal, over.signal]))
    const { exitCode } = await running.exited
    over.abort()
    await probing
    log.end()
    this.#running = undefined
    const reason = exitCode === 0 ? 'Completed' : 'Error'
    const terminated = { exitCode, reason, startedAt, finishedAt: timestamp() }
    if (!signal.aborted && this.#restartsAfter(exitCode)) this.#lastState = { terminated }
    this.#set({ terminated })
    return exitCode
  }

  async #backOff(crashes: number, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid } = this.#setup.pod.metadata
    const wait = backOffMs(crashes)
    const which = `${wait / 1_000}s restarting failed container=${this.name} pod=${name}_${namespace}(${uid})`
    this.#setup.event('Warning', 'BackOff', `Back-off restarting failed container ${this.name} in pod ${name}`)
    this.#set({ waiting: { reason: 'CrashLoopBackOff', message: `back-off ${which}` } })
    await pause(wait * PACE, signal)
  }

  async #probe(port: number, signal: AbortSignal): Promise<void> {
    const probe = this.#setup.container.readinessProbe
    if (probe?.httpGet === undefined) return
    await pause((probe.initialDelaySeconds ?? 0) * 1_000 * PACE, signal)
    const period = (probe.periodSeconds ?? 10) * 1_000
    for (let failures = 0, wasReady = false; !signal.aborted;) {
      const problem = await httpProblem(port, probe.httpGet.path ?? '/', (probe.timeoutSeconds ?? 1) * 1_000, signal)
      if (signal.aborted) return
      failures = problem === undefined ? 0 : failures + 1
      if (problem !== undefined) this.#setup.event('Warning', 'Unhealthy', `Readiness probe failed: ${problem}`)
      const ready: boolean = problem === undefined || (wasReady && failures < (probe.failureThreshold ?? 3))
      if (ready !== this.#ready) this.#set(this.#state, ready)
      wasReady = ready
      await pause(ready ? period : Math.min(period, EAGER_PROBE_MS), signal)
    }
  }
}

const pause = (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }).catch(() => undefined)

function backOffMs(attempt: number): number {
  return Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** attempt)
}

async function freePort(): Promise<number> {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Undefined when the answer is 2xx or 3xx. */
function httpProblem(port: number, path: string, timeoutMs: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = http.get(
      { host: '127.0.0.1', port, path, timeout: timeoutMs, signal, agent: false },
      (response) => {
        const code = response.statusCode ?? 0
        response.resume()
        resolve(code >= 200 && code < 400 ? undefined : `HTTP probe failed with statuscode: ${code}`)
      },
    )
    request.on('timeout', () => request.destroy(new Error('context deadline exceeded')))
    request.on('error', (error) => resolve(`Get "http://127.0.0.1:${port}${path}": ${error.message}`))
  })
}
