import type { Json } from './model.ts'

export type EnvelopeType = 'slash_commands' | 'interactive' | 'events_api'

/** How the app answered a payload. `body` is what came with the acknowledgement, undefined when it was empty. */
export type Ack =
  | { readonly ok: true; readonly body: Json | undefined }
  | { readonly ok: false; readonly error: 'operation_timeout' | 'dispatch_failed' }

/** The app has this long to acknowledge. */
export const ackTimeoutMs = 3000

/** The way from Slack to the app: Socket Mode or signed HTTP. */
export interface Delivery {
  send(type: EnvelopeType, payload: Json, retry?: { readonly attempt: number; readonly reason: string }): Promise<Ack>
  /** Sends what was sent last once more, as somebody would who had listened. Raises Error when nothing was sent yet. */
  replay(): Promise<Ack>
}
