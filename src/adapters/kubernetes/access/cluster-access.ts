import { statSync } from 'node:fs'
import type https from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { ClusterError } from '../api/errors.ts'
import { type ExecCredential, execCredential } from './exec-credential.ts'
import { type KubeconfigOptions, type ReadKubeconfig, readKubeconfig, withCredential } from './kubeconfig.ts'

interface ClusterAccessOptions extends KubeconfigOptions {
  /** How long a program that gives a credential may take. */
  readonly execTimeoutMs?: number
  readonly now?: () => number
}

/** A credential that is about to expire would be refused on its way. */
const marginMs = 30_000
/** A credential that was read or given so recently is not asked for again because of a 401. */
const freshMs = 10_000

/**
 * How the API server is reached and with which credential, as it is now: the kubeconfig, certificates, keys and tokens in files
 * are read again when they change, and a program gives a new credential when its former one expires or is refused. Another
 * *server* is never taken over while Purser runs: what was planned is meant for the one that was there at the start.
 */
export class ClusterAccess {
  readonly #options: ClusterAccessOptions
  readonly #now: () => number
  readonly server: string
  #read: ReadKubeconfig
  /** What the files were when they were read. */
  #seen: string
  /** When the credential was read or given last. */
  #at: number
  #given: { readonly credential: ExecCredential; readonly config: KubeConfig } | undefined
  #giving: Promise<KubeConfig> | undefined

  /** Raises ClusterError (`cluster_config`). */
  constructor(options: ClusterAccessOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
    this.#read = readKubeconfig(options)
    this.#seen = fingerprint(this.#read.files)
    this.#at = Number.NEGATIVE_INFINITY
    this.server = this.#read.server
  }

  /** Puts credential, CA and proxy into the options of a request. */
  async apply(options: https.RequestOptions, signal: AbortSignal): Promise<void> {
    if (fingerprint(this.#read.files) !== this.#seen) this.#readAgain()
    const config = await this.#current(signal)
    await config.applyToHTTPSOptions(options)
  }

  /** After a 401: gets the credential anew, unless that was done just now, and tells whether to try with it. */
  renewed(): boolean {
    const fresh = this.#now() - this.#at < freshMs
    if (fresh && fingerprint(this.#read.files) === this.#seen) return false
    this.#at = this.#now()
    this.#given = undefined
    this.#readAgain()
    return true
  }

  #readAgain(): void {
    const seen = fingerprint(this.#read.files)
    let read: ReadKubeconfig
    try {
      read = readKubeconfig(this.#options)
    } catch {
      // Somebody is writing it, or it is gone: what was read goes on until there is something to read.
      return
    }
    if (read.server !== this.server)
      throw new ClusterError(
        'cluster_config',
        `the kubeconfig names ${read.server} now, and named ${this.server} when Purser began`,
        { hint: 'To use the other cluster, restart Purser. It then plans again.' },
      )
    this.#seen = read.files.join() === this.#read.files.join() ? seen : fingerprint(read.files)
    this.#read = read
    this.#given = undefined
  }

  async #current(signal: AbortSignal): Promise<KubeConfig> {
    const { exec, config } = this.#read
    if (exec === undefined) return config
    const { expires } = this.#given?.credential ?? {}
    if (this.#given !== undefined && (expires === undefined || expires.getTime() - marginMs > this.#now()))
      return this.#given.config
    // Requests side by side wait for one run of the program. Whoever began it may be cancelled: then the next one begins it anew.
    const ours = this.#giving === undefined
    this.#giving ??= this.#give(signal).finally(() => (this.#giving = undefined))
    try {
      return await this.#giving
    } catch (error) {
      signal.throwIfAborted()
      if (ours || error instanceof ClusterError) throw error
      return this.#current(signal)
    }
  }

  async #give(signal: AbortSignal): Promise<KubeConfig> {
    const read = this.#read
    if (read.exec === undefined) return read.config
    const credential = await execCredential(
      {
        exec: read.exec.config,
        kubeconfig: read.exec.kubeconfig,
        cluster: { server: read.server, caData: read.caData },
        timeoutMs: this.#options.execTimeoutMs ?? 30_000,
      },
      signal,
    )
    const config = withCredential(read, credential)
    this.#given = { credential, config }
    this.#at = this.#now()
    return config
  }
}

/** Mounted Secrets are exchanged by a link, so what it leads to counts. */
function fingerprint(files: readonly string[]): string {
  return files
    .map((file) => {
      const facts = statSync(file, { throwIfNoEntry: false })
      return facts === undefined ? 'gone' : `${facts.mtimeMs} ${facts.size} ${facts.ino} ${facts.dev}`
    })
    .join('\n')
}
