import type { Ack, Delivery, EnvelopeType } from './delivery.ts'
import type { ApiCall, Json } from './model.ts'
import type { TrafficDetail, TrafficLine } from './page-state.ts'

/** As many envelopes are kept; the calls of the Web API are kept by the Web API itself. */
const keptEnvelopes = 1000
const longestList = 250

interface Envelope {
  readonly number: number
  readonly type: EnvelopeType
  readonly payload: Json
  readonly at: number
  ack?: Ack
  tookMs?: number
}

/** The raw traffic between the app and Slack, for the inspector of the page. */
export class Traffic {
  readonly #calls: () => readonly ApiCall[]
  readonly #changed: () => void
  readonly #envelopes: Envelope[] = []
  #count = 0

  constructor(calls: () => readonly ApiCall[], changed: () => void) {
    this.#calls = calls
    this.#changed = changed
  }

  /** A delivery that does what the given one does, and is written down. */
  recorded(delivery: Delivery): Delivery {
    return {
      send: async (type, payload, retry) => {
        const envelope: Envelope = { number: this.#count++, type, payload, at: Date.now() }
        this.#envelopes.push(envelope)
        if (this.#envelopes.length > keptEnvelopes) this.#envelopes.shift()
        this.#changed()
        const began = performance.now()
        envelope.ack = await delivery.send(type, payload, retry)
        envelope.tookMs = Math.round(performance.now() - began)
        this.#changed()
        return envelope.ack
      },
      replay: () => delivery.replay(),
    }
  }

  /** The newest exchanges that contain `filter` anywhere, oldest first. */
  list(filter: string): readonly TrafficLine[] {
    const wanted = filter.trim().toLowerCase()
    const all = [...this.#calls().map(fromCall), ...this.#envelopes.map(fromEnvelope)].sort((a, b) => a.at - b.at)
    const found = wanted === '' ? all : all.filter((one) => JSON.stringify(one).toLowerCase().includes(wanted))
    return found.slice(-longestList).map(({ sent: _sent, answer: _answer, ...line }) => line)
  }

  detail(id: string): TrafficDetail | undefined {
    const number = Number(id.slice(1))
    if (id.startsWith('e')) {
      const envelope = this.#envelopes.find((envelope) => envelope.number === number)
      return envelope === undefined ? undefined : fromEnvelope(envelope)
    }
    const call = this.#calls()[number]
    return call === undefined ? undefined : fromCall(call, number)
  }
}

function fromCall(call: ApiCall, number: number): TrafficDetail {
  const refused = call.answer['ok'] === true ? undefined : String(call.answer['error'] ?? call.status)
  return {
    id: `c${number}`,
    at: call.at,
    direction: 'to Slack',
    name: call.method,
    outcome: refused ?? 'ok',
    failed: refused !== undefined,
    sent: call.args,
    answer: call.answer,
  }
}

function fromEnvelope({ number, type, payload, at, ack, tookMs }: Envelope): TrafficDetail {
  return {
    id: `e${number}`,
    at,
    direction: 'to the app',
    name: nameOf(type, payload),
    outcome: ack === undefined ? 'waiting' : ack.ok ? 'acknowledged' : ack.error,
    failed: ack?.ok === false,
    ...(tookMs === undefined ? {} : { tookMs }),
    sent: payload,
    answer: ack?.ok === true ? ack.body : undefined,
  }
}

function nameOf(type: EnvelopeType, payload: Json): string {
  if (type === 'slash_commands') return `${String(payload['command'])} ${String(payload['text'])}`.trim()
  const inner = type === 'events_api' ? (payload['event'] as Json | undefined) : payload
  return String(inner?.['type'] ?? type)
}
