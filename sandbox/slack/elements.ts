import type { Block, Json } from './model.ts'

/** An interactive element together with the block it stands in. */
export interface Placed {
  readonly block: Block
  readonly element: Json
}

/** Every interactive element of these blocks, in reading order. */
export function interactiveElements(blocks: readonly Block[]): readonly Placed[] {
  return blocks.flatMap((block): Placed[] => {
    const parts: unknown[] = [block.accessory, block.element]
    for (const list of [block.elements, block.actions]) if (Array.isArray(list)) parts.push(...(list as unknown[]))
    const own = parts
      .filter((part): part is Json => typeof part === 'object' && part !== null)
      .flatMap((part) => (part.type === 'card' && Array.isArray(part.actions) ? (part.actions as Json[]) : [part]))
      .filter((part) => typeof part.action_id === 'string')
      .map((element) => ({ block, element }))
    const children = Array.isArray(block.child_blocks) ? interactiveElements(block.child_blocks as Block[]) : []
    return [...own, ...children]
  })
}

interface Option extends Json {
  readonly value: string
}

function optionsOf(element: Json): readonly Option[] {
  const groups = (element.option_groups ?? []) as { options: Option[] }[]
  return [...((element.options ?? []) as Option[]), ...groups.flatMap((group) => group.options)]
}

/** The name of the field in which Slack reports an element's value. */
const singleFields: Readonly<Record<string, string>> = {
  users_select: 'selected_user',
  conversations_select: 'selected_conversation',
  channels_select: 'selected_channel',
  datepicker: 'selected_date',
  timepicker: 'selected_time',
}
const listFields: Readonly<Record<string, string>> = {
  multi_users_select: 'selected_users',
  multi_conversations_select: 'selected_conversations',
  multi_channels_select: 'selected_channels',
}

/**
 * What Slack reports for an element in which a person chose `value`: an option's value, an id, or typed text; several
 * are separated by commas. Without `value` it is what the element starts with.
 */
export function elementState(element: Json, value: string | undefined): Json {
  const type = String(element.type)
  if (['static_select', 'radio_buttons', 'overflow'].includes(type)) {
    return { type, selected_option: value === undefined ? (element.initial_option ?? null) : chosen(element, value) }
  }
  if (['checkboxes', 'multi_static_select'].includes(type)) {
    const values = value?.split(',').filter((part) => part !== '')
    return { type, selected_options: values?.map((part) => chosen(element, part)) ?? element.initial_options ?? [] }
  }
  const single = singleFields[type]
  if (single !== undefined) {
    return { type, [single]: value ?? element[single.replace('selected', 'initial')] ?? null }
  }
  const list = listFields[type]
  if (list !== undefined) {
    return {
      type,
      [list]: value?.split(',').filter((part) => part !== '') ?? element[list.replace('selected', 'initial')] ?? [],
    }
  }
  if (type === 'datetimepicker') {
    return { type, selected_date_time: value === undefined ? (element.initial_date_time ?? null) : Number(value) }
  }
  const typed = value ?? element.initial_value ?? null
  return { type, value: typed === '' ? null : typed }
}

export function isEmptyState(state: Json): boolean {
  return Object.entries(state).every(
    ([key, value]) => key === 'type' || value === null || (Array.isArray(value) && value.length === 0),
  )
}

function chosen(element: Json, value: string): Option {
  const options = optionsOf(element)
  const option = options.find((entry) => entry.value === value)
  if (option !== undefined) return option
  throw new Error(
    `${String(element.action_id)} has no option "${value}"; it has ${options.map((entry) => entry.value).join(', ')}`,
  )
}

/**
 * What Slack reports when somebody presses this button or chooses `value` in this menu; `value` also tells several buttons of one
 * action id apart. Raises Error when there is nothing of that action id.
 */
export function pressed(
  blocks: readonly Block[],
  actionId: string,
  value: string | undefined,
): { action: Json; state: Record<string, Record<string, Json>> } {
  const all = interactiveElements(blocks)
  const named = all.filter(({ element }) => element.action_id === actionId)
  const found =
    named.length > 1 && value !== undefined
      ? (named.find(({ element }) => element.value === value) ?? named[0])
      : named[0]
  if (found === undefined) {
    const known = all.map(({ element }) => String(element.action_id)).join(', ')
    throw new Error(`there is nothing to press with action id ${actionId}; there is ${known || 'nothing'}`)
  }
  const { block, element } = found
  const base = { action_id: actionId, block_id: block.block_id, type: element.type }
  if (element.type === 'button' || element.type === 'icon_button') {
    const { text, style, url } = element
    const action = { ...base, text, ...(element.value === undefined ? {} : { value: element.value }) }
    return {
      action: { ...action, ...(style === undefined ? {} : { style }), ...(url === undefined ? {} : { url }) },
      state: {},
    }
  }
  if (element.type === 'feedback_buttons') return { action: { ...base, value }, state: {} }
  const entry = elementState(element, value)
  const state = element.type === 'overflow' ? {} : { [block.block_id]: { [actionId]: entry } }
  return { action: { ...base, ...entry }, state }
}
