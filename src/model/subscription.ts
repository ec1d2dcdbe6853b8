import { counted } from '../text.ts'

/** Tells whether a subscription to these types, `*` being all of them, gets events of a type. */
export function subscribesTo(types: readonly string[], type: string): boolean {
  return types.includes('*') || types.includes(type)
}

/** Says how many types a subscription has: "38 events", "all events". */
export function subscriptionSize(types: readonly string[]): string {
  return types.includes('*') ? 'all events' : counted(types.length, 'event')
}
