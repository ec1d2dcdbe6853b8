import { SlackRefusal } from './model.ts'
import { newId } from './workspace.ts'

const lifetimeMs = 3000

/** Trigger ids: each opens one dialog for the person who acted, within three seconds. */
export class Triggers {
  readonly #issued = new Map<string, { readonly userId: string; readonly at: number; used: boolean }>()

  issue(userId: string): string {
    const id = `${Date.now()}.${newId('')}.${newId('').toLowerCase()}`
    this.#issued.set(id, { userId, at: Date.now(), used: false })
    return id
  }

  /** The person whose action this was. Raises SlackRefusal. */
  redeem(id: string): string {
    const trigger = this.#issued.get(id)
    if (trigger === undefined) throw new SlackRefusal('invalid_trigger_id')
    if (trigger.used) throw new SlackRefusal('exchanged_trigger_id')
    if (Date.now() - trigger.at > lifetimeMs) throw new SlackRefusal('expired_trigger_id')
    trigger.used = true
    return trigger.userId
  }
}
