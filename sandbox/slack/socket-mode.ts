import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { type Ack, ackTimeoutMs, type Delivery, type EnvelopeType } from './delivery.ts'
import type { Json } from './model.ts'
import { appId } from './workspace.ts'

const maxConnections = 10
/** Slack's warning comes about so long before the end. */
const leaveMs = 10_000

export type DisconnectReason = 'warning' | 'refresh_requested' | 'link_disabled' | 'too_many_websockets'

/** Slack's end of Socket Mode: https://docs.slack.dev/apis/events-api/using-socket-mode */
export class SocketMode implements Delivery {
  readonly #server = new WebSocketServer({ noServer: true })
  readonly #tickets = new Set<string>()
  readonly #connections: WebSocket[] = []
  readonly #waiting = new Map<string, (body: Json) => void>()
  readonly #closing = new AbortController()
  readonly #onChange: () => void
  #turn = 0
  #acksToLose = 0
  #last: { readonly type: EnvelopeType; readonly payload: Json } | undefined

  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** The path and query of a new connection; good for one use. */
  newLink(): string {
    const ticket = randomBytes(16).toString('hex')
    this.#tickets.add(ticket)
    return `/link/?ticket=${ticket}&app_id=${appId}`
  }

  get connections(): number {
    return this.#connections.length
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const ticket = new URL(request.url ?? '/', 'http://localhost').searchParams.get('ticket') ?? ''
    if (!this.#tickets.delete(ticket)) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n')
      return
    }
    this.#server.handleUpgrade(request, socket, head, (connection) => this.#welcome(connection))
  }

  #welcome(connection: WebSocket): void {
    if (this.#connections.length >= maxConnections) {
      connection.send(JSON.stringify({ type: 'disconnect', reason: 'too_many_websockets', debug_info: debugInfo() }))
      connection.close(1000)
      return
    }
    this.#connections.push(connection)
    this.#onChange()
    const ping = setInterval(() => connection.ping(), 10_000)
    connection.on('close', () => {
      clearInterval(ping)
      const place = this.#connections.indexOf(connection)
      if (place >= 0) this.#connections.splice(place, 1)
      this.#onChange()
    })
    connection.on('error', () => connection.terminate())
    connection.on('message', (data: Buffer) => this.#receive(data.toString('utf8')))
    connection.send(
      JSON.stringify({
        type: 'hello',
        num_connections: this.#connections.length,
        debug_info: { ...debugInfo(), build_number: 1, approximate_connection_time: 3600 },
        connection_info: { app_id: appId },
      }),
    )
  }

  #receive(text: string): void {
    let answer: { envelope_id?: unknown; payload?: unknown }
    try {
      answer = JSON.parse(text) as typeof answer
    } catch {
      return
    }
    if (typeof answer.envelope_id !== 'string') return
    if (this.#acksToLose > 0) {
      this.#acksToLose -= 1
      return
    }
    const payload = typeof answer.payload === 'object' && answer.payload !== null ? (answer.payload as Json) : {}
    this.#waiting.get(answer.envelope_id)?.(payload)
  }

  /** Each payload goes to one connection, in turn: nothing ties a person or a message to one of them. */
  async send(
    type: EnvelopeType,
    payload: Json,
    retry?: { readonly attempt: number; readonly reason: string },
  ): Promise<Ack> {
    this.#last = { type, payload }
    const open = this.#connections.filter((connection) => connection.readyState === WebSocket.OPEN)
    const connection = open[this.#turn++ % Math.max(open.length, 1)]
    if (connection === undefined) return { ok: false, error: 'dispatch_failed' }
    const envelopeId = randomUUID()
    const acknowledged = new Promise<Ack>((resolve) => {
      const end = (ack: Ack) => {
        clearTimeout(limit)
        this.#closing.signal.removeEventListener('abort', giveUp)
        this.#waiting.delete(envelopeId)
        resolve(ack)
      }
      const giveUp = () => end({ ok: false, error: 'dispatch_failed' })
      const limit = setTimeout(() => end({ ok: false, error: 'operation_timeout' }), ackTimeoutMs)
      this.#closing.signal.addEventListener('abort', giveUp)
      this.#waiting.set(envelopeId, (body) =>
        end({ ok: true, body: Object.keys(body).length === 0 ? undefined : body }),
      )
    })
    connection.send(
      JSON.stringify({
        envelope_id: envelopeId,
        type,
        payload,
        accepts_response_payload: type !== 'events_api',
        ...(retry === undefined ? {} : { retry_attempt: retry.attempt, retry_reason: retry.reason }),
      }),
    )
    return acknowledged
  }

  replay(): Promise<Ack> {
    if (this.#last === undefined) throw new Error('nothing was sent yet')
    return this.send(this.#last.type, this.#last.payload)
  }

  /** Tells every connection to leave, as Slack does every few hours, or only the oldest; one that stays is cut after ten seconds. */
  disconnect(reason: DisconnectReason, which: 'all' | 'oldest' = 'all'): void {
    const asked = which === 'all' ? [...this.#connections] : this.#connections.slice(0, 1)
    for (const connection of asked) {
      connection.send(JSON.stringify({ type: 'disconnect', reason, debug_info: debugInfo() }))
      const cut = setTimeout(() => connection.terminate(), leaveMs)
      connection.on('close', () => clearTimeout(cut))
    }
  }

  /** Cuts every connection without a word, or only the oldest. */
  drop(which: 'all' | 'oldest' = 'all'): void {
    const cut = which === 'all' ? [...this.#connections] : this.#connections.slice(0, 1)
    for (const connection of cut) connection.terminate()
  }

  /** How many payloads the app has not acknowledged yet. */
  get waiting(): number {
    return this.#waiting.size
  }

  loseAcks(times: number): void {
    this.#acksToLose = times
  }

  /** Says goodbye to every connection; one that does not answer is cut. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([...this.#connections].map((connection) => farewell(connection)))
    this.#server.close()
  }
}

const farewellMs = 500

function farewell(connection: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => connection.terminate(), farewellMs)
    connection.on('close', () => {
      clearTimeout(limit)
      resolve()
    })
    connection.close(1001)
  })
}

function debugInfo(): Json {
  return { host: 'applink-sandbox', started: new Date().toISOString() }
}
