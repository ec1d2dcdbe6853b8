import { z } from 'zod'
import type { Right } from '../authorise.ts'
import type { Caller, CommandContext } from '../command-context.ts'
import { environmentsHere, guard } from '../guards.ts'

/** What a dialog brings back when it is confirmed. */
export interface Submitted {
  readonly user: string
  readonly metadata: string
  /** Returns typed text, or the chosen option's value; undefined when the input is empty or not there. */
  value(input: string): string | undefined
  /** Returns the values of the ticked boxes. */
  ticked(input: string): readonly string[]
}

/** The shape of Slack's `state.values`. In Purser's dialogs a block holds one element, and both have the same name. */
type Values = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const Element = z.object({
  value: z.string().nullish(),
  selected_option: z.object({ value: z.string() }).nullish(),
  selected_options: z.array(z.object({ value: z.string() })).nullish(),
})

export function submitted(user: string, metadata: string, values: Values): Submitted {
  const element = (input: string) => Element.safeParse(values[input]?.[input]).data
  return {
    user,
    metadata,
    value: (input) => element(input)?.selected_option?.value ?? element(input)?.value ?? undefined,
    ticked: (input) => element(input)?.selected_options?.map((option) => option.value) ?? [],
  }
}

/** What was typed and chosen, then what the dialog carried: "environment: staging, reason: audit week {…}". */
export function submittedText(metadata: string, values: Values): string {
  const typed = Object.entries(values).map(([input, elements]) => {
    const { value, selected_option: option, selected_options: options } = Element.safeParse(elements[input]).data ?? {}
    const chosen = option?.value ?? value ?? options?.map((one) => one.value).join(' + ')
    return `${input}: ${chosen ?? '–'}`
  })
  return [typed.join(', '), metadata].filter((part) => part !== '').join(' ')
}

const Place = z.object({ channel: z.string(), environment: z.string() })

/** The channel in which a dialog was asked for, and the environment that is meant when it offers no choice. */
type Place = z.infer<typeof Place>

/**
 * Reads the place of a dialog that offers every environment of the channel, the one that is meant first. Raises
 * NotAllowed.
 */
export async function placeOf(
  caller: Caller,
  right: Right,
  asked: string | undefined,
  context: CommandContext,
): Promise<{ readonly environments: readonly string[]; readonly metadata: string }> {
  const environment = asked ?? context.config.defaultEnvironment
  await guard(context, caller, right, environment)
  const others = environmentsHere(context, caller).filter((one) => one !== environment)
  const place: Place = { channel: caller.channel, environment }
  return { environments: [environment, ...others], metadata: JSON.stringify(place) }
}

export function readPlace(metadata: string): Place {
  return Place.parse(JSON.parse(metadata))
}
