import { type Json, type Message, SlackRefusal } from './model.ts'
import { contentOf, requireSomething, rewrite } from './methods/chat.ts'
import { newId, type Workspace } from './workspace.ts'

const lifetimeMs = 30 * 60_000
const maxUses = 5

interface Address {
  readonly channel: string
  readonly userId: string
  /** The message whose button was pressed. */
  readonly origin: Message | undefined
  readonly at: number
  uses: number
}

/** The addresses at which an app answers a command or a click: five times within half an hour. */
export class ResponseUrls {
  readonly #addresses = new Map<string, Address>()
  readonly #workspace: Workspace
  readonly #base: string

  constructor(workspace: Workspace, origin: string) {
    this.#workspace = workspace
    this.#base = `${origin}/response/`
  }

  issue(channel: string, userId: string, origin?: Message): string {
    const id = newId('R') + newId('')
    this.#addresses.set(id, { channel, userId, origin, at: Date.now(), uses: 0 })
    return this.#base + id
  }

  /** Raises SlackRefusal. */
  respond(id: string, body: Json): void {
    const address = this.#addresses.get(id)
    if (address === undefined) throw new SlackRefusal('invalid_url')
    if (Date.now() - address.at > lifetimeMs) throw new SlackRefusal('expired_url')
    if (address.uses >= maxUses) throw new SlackRefusal('used_url')
    this.#answer(address, body)
    address.uses += 1
  }

  #answer(address: Address, body: Json): void {
    const { origin } = address
    if (body.delete_original === true && origin !== undefined) return this.#workspace.remove(origin)
    const content = contentOf(body, { textLimit: false })
    if (body.replace_original === true && origin !== undefined) {
      requireSomething(content)
      return rewrite(origin, content, this.#workspace)
    }
    answerInChannel(this.#workspace, address, body)
  }
}

/** Posts an answer to a command or click: for the person alone unless it says `in_channel`. */
export function answerInChannel(
  workspace: Workspace,
  where: { readonly channel: string; readonly userId: string; readonly origin?: Message | undefined },
  body: Json,
): Message {
  const content = contentOf(body, { textLimit: false })
  requireSomething(content)
  const threadTs = typeof body.thread_ts === 'string' ? body.thread_ts : where.origin?.thread_ts
  return workspace.post({
    channel: where.channel,
    user: workspace.botUserId,
    text: content.text ?? '',
    ...(content.blocks === undefined ? {} : { blocks: content.blocks }),
    ...(content.attachments === undefined ? {} : { attachments: content.attachments }),
    ...(threadTs === undefined ? {} : { threadTs }),
    ...(body.response_type === 'in_channel' ? {} : { visibleTo: where.userId }),
  })
}
