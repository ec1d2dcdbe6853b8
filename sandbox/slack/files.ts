import { type SlackFile, SlackRefusal } from './model.ts'
import { newId } from './workspace.ts'

interface Ticket {
  readonly id: string
  readonly name: string
  readonly length: number
  content: Buffer | undefined
  completed: boolean
}

/** Files on their way into the workspace: an address is asked for, the bytes are sent, the upload is completed. */
export class Files {
  readonly #tickets = new Map<string, Ticket>()

  begin(name: string, length: number): string {
    const id = newId('F')
    this.#tickets.set(id, { id, name, length, content: undefined, completed: false })
    return id
  }

  /** False when there is no such upload or the bytes are not as many as announced. */
  receive(id: string, content: Buffer): boolean {
    const ticket = this.#tickets.get(id)
    if (ticket === undefined || ticket.length !== content.length) return false
    ticket.content = content
    return true
  }

  /** Raises SlackRefusal when the file is unknown, empty-handed or completed before. */
  complete(id: string, title: string | undefined, origin: string): { file: SlackFile; content: Buffer } {
    const ticket = this.#tickets.get(id)
    if (ticket?.content === undefined || ticket.completed) throw new SlackRefusal('file_not_found')
    ticket.completed = true
    const { name, content } = ticket
    const url = `${origin}/files/${id}/${encodeURIComponent(name)}`
    return { file: { id, name, title: title ?? name, size: content.length, url }, content }
  }

  read(id: string): { readonly name: string; readonly content: Buffer } | undefined {
    const ticket = this.#tickets.get(id)
    return ticket?.content === undefined || !ticket.completed
      ? undefined
      : { name: ticket.name, content: ticket.content }
  }
}
