import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import type { Chat, OutgoingMessage } from '../../src/adapters/slack/port.ts'
import { parsePurserYaml } from '../../src/config/purser-yaml.ts'
import { Publisher } from '../../src/jobs/publisher.ts'
import type { TestStores } from '../store/stores.ts'

/** Remembers what it was told; says no as often as it was asked to, or to whatever it does not take. */
export class Slack implements Chat {
  readonly boards: string[] = []
  readonly thread: string[] = []
  readonly blocks: string[] = []
  readonly refusals: Error[] = []
  /** The refusal of a message for what it is, or for where it goes. */
  refuses: (message: OutgoingMessage, way: 'post' | 'update') => Error | undefined = () => undefined
  #posted = 0

  async post(channel: string, message: OutgoingMessage, { threadTs }: { readonly threadTs?: string }) {
    this.#refuse(message, 'post')
    if (threadTs === undefined) this.boards.push(wholeOf(message))
    else this.thread.push(message.text)
    this.blocks.push(JSON.stringify(message.blocks ?? []))
    this.#posted += 1
    return { channel, ts: `${this.#posted}.000` }
  }

  async update(_: unknown, message: OutgoingMessage) {
    this.#refuse(message, 'update')
    this.boards.push(wholeOf(message))
  }

  async uploadText(_: unknown, file: { readonly name: string; readonly content: string; readonly comment?: string }) {
    this.#refuse({ text: file.name }, 'post')
    const comment = file.comment === undefined ? '' : `\n${file.comment}`
    this.thread.push(`${file.name}: ${file.content.split('\n')[0]}${comment}`)
  }

  findMarked: Chat['findMarked'] = async () => undefined
  permalink = async () => undefined
  postEphemeral = async () => undefined
  publishHome = async () => undefined

  #refuse(message: OutgoingMessage, way: 'post' | 'update'): void {
    const refusal = this.refusals.shift() ?? this.refuses(message, way)
    if (refusal !== undefined) throw refusal
  }
}

function wholeOf({ text, blocks }: OutgoingMessage): string {
  return `${text}\n${JSON.stringify(blocks)}`
}

/** The publisher over a state database and a Slack that says what it is told to say. */
export class Publishing {
  readonly slack = new Slack()
  readonly #stores: TestStores
  readonly #publisher: Publisher

  constructor(stores: TestStores) {
    this.#stores = stores
    this.#publisher = new Publisher({
      runs: stores.runs,
      boards: stores.boards,
      chat: this.slack,
      config: parsePurserYaml(readFileSync(new URL('../../purser.yaml', import.meta.url), 'utf8'), 'purser.yaml'),
      mask: stores.db.mask,
      log: pino({ level: 'silent' }),
    })
  }

  /** One run of the publish job; the pause after which it wants to run again, if it does. */
  async publish(run: number): Promise<number | undefined> {
    let pause: number | undefined
    const later = new Error('deferred')
    const defer = async (ms: number): Promise<never> => {
      pause = ms
      throw later
    }
    try {
      await this.#publisher.handle({ data: { run }, defer, requeue: () => Promise.reject(later) })
    } catch (error) {
      if (error !== later) throw error
    }
    return pause
  }

  /** Runs the job until it wants no more; each pause is waited out. */
  async publishAll(run: number): Promise<void> {
    for (let rounds = 0; (await this.publish(run)) !== undefined; rounds += 1) {
      if (rounds > 50) throw new Error('publishing does not end')
      await this.pausePasses()
    }
  }

  /** As if so many minutes had passed since the board and the last post were sent, and since Slack refused something. */
  async pausePasses(minutes = 1): Promise<void> {
    const past = `make_interval(secs => ${minutes * 60})`
    await this.#stores.pool.query(`update purser.posts set posted_at = posted_at - ${past}`)
    await this.#stores.pool.query(
      `update purser.runs set board_posted_at = board_posted_at - ${past}, board_retry_at = board_retry_at - ${past}`,
    )
  }

  /** A run that executes, its board posted a minute ago. */
  async published() {
    const claim = await this.#stores.under('migrate')
    await this.publishAll(claim.run)
    await this.pausePasses()
    this.forget()
    return claim
  }

  forget(): void {
    for (const told of [this.slack.boards, this.slack.thread, this.slack.blocks]) told.length = 0
  }
}
