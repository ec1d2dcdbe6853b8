/** What runs the containers of the simulated nodes: the part a container engine and a registry play for a kubelet. */

/** The message is what a pod shows beside `ErrImagePull`. */
export class ImagePullFailure extends Error {
  override readonly name = 'ImagePullFailure'
}

export interface ContainerSpec {
  readonly image: string
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly podName: string
  /** A free port of 127.0.0.1 that a service must listen on; also in `env` as `PORT`. */
  readonly port: number
  readonly kind: 'service' | 'job'
}

export interface RunningContainer {
  /** Settles once, also when the container could not be started (exit code 128) or was stopped. Never rejects. */
  readonly exited: Promise<{ exitCode: number }>
  /** Asks politely, then ends the whole process group after `graceMs`; resolves when nothing of it is left. */
  stop(graceMs: number): Promise<void>
}

export interface ContainerRuntime {
  /** Rejects with ImagePullFailure. `imageID` is `repository@sha256:…`. */
  pull(image: string): Promise<{ imageID: string }>
  start(spec: ContainerSpec, onLog: (line: string) => void): RunningContainer
}
