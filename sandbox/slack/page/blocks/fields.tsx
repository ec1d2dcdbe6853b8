import { type ReactNode, useId } from 'react'
import type { Block, Element, Option } from './parts.ts'
import { useAct, useForm, useWorkspace, type WorkspaceData } from './contexts.ts'
import { plain, Words } from './text.tsx'

const nativeTypes: Readonly<Record<string, string>> = {
  datepicker: 'date',
  timepicker: 'time',
  datetimepicker: 'datetime-local',
  number_input: 'number',
  email_text_input: 'email',
  url_text_input: 'url',
  plain_text_input: 'text',
}
const singleSelects = ['static_select', 'users_select', 'conversations_select', 'channels_select']
const choiceTypes = ['radio_buttons', 'checkboxes']
const multiSelects = singleSelects.map((type) => `multi_${type}`)

export const fieldTypes: ReadonlySet<string> = new Set([
  ...Object.keys(nativeTypes),
  ...singleSelects,
  ...choiceTypes,
  ...multiSelects,
])

export const keyOf = (blockId: string | undefined, element: Element): string =>
  `${blockId ?? ''}/${element.action_id ?? ''}`

/** An input block: label, field, hint, and what is wrong with what was typed. */
export function InputBlock({ block }: { readonly block: Block }): ReactNode {
  const id = useId()
  const form = useForm()
  const act = useAct()
  const { element } = block
  if (element === undefined) return null
  const error = form?.errors[block.block_id ?? '']
  const isGroup = choiceTypes.includes(element.type) || multiSelects.includes(element.type)
  const described = [error === undefined ? [] : [`${id}-error`], block.hint === undefined ? [] : [`${id}-hint`]].flat()
  const label = (
    <>
      <Words text={block.label} />
      {block.optional === true && <span className="muted"> (optional)</span>}
    </>
  )
  return (
    <div className={`input ${error === undefined ? '' : 'wrong'}`}>
      {isGroup ? (
        <div className="label" id={`${id}-label`}>
          {label}
        </div>
      ) : (
        <label className="label" htmlFor={id}>
          {label}
        </label>
      )}
      <Field
        element={element}
        blockId={block.block_id}
        id={id}
        labelledBy={isGroup ? `${id}-label` : undefined}
        describedBy={described.length > 0 ? described.join(' ') : undefined}
        wrong={error !== undefined}
        onChoose={(value) => {
          if (block.dispatch_action === true) void act(element, value)
        }}
      />
      {error !== undefined && (
        <div className="error" role="alert" id={`${id}-error`}>
          {error}
        </div>
      )}
      {block.hint !== undefined && (
        <div className="hint" id={`${id}-hint`}>
          <Words text={block.hint} />
        </div>
      )}
    </div>
  )
}

interface FieldProps {
  readonly element: Element
  readonly blockId: string | undefined
  readonly onChoose: (value: string) => void
  readonly id?: string
  readonly labelledBy?: string | undefined
  readonly describedBy?: string | undefined
  readonly wrong?: boolean
}

/** An element that holds a value: in a form it is kept there, elsewhere by the browser. */
export function Field(props: FieldProps): ReactNode {
  const { element, blockId, onChoose } = props
  const form = useForm()
  const workspace = useWorkspace()
  const key = keyOf(blockId, element)
  const value = form?.values[key] ?? startOf(element)
  const set = (next: string) => form?.set(key, next)
  const common = {
    id: props.id,
    'data-action': element.action_id,
    'aria-label': props.id === undefined ? (element.placeholder?.text ?? element.action_id) : undefined,
    'aria-describedby': props.describedBy,
    'aria-invalid': props.wrong === true ? true : undefined,
    'data-focus': element.focus_on_load === true ? true : undefined,
    ...(form === undefined ? { defaultValue: value } : { value }),
  }
  if (singleSelects.includes(element.type)) {
    return (
      <select
        {...common}
        onChange={({ target }) => {
          set(target.value)
          onChoose(target.value)
        }}
      >
        <option value="">{plain(element.placeholder?.text ?? 'Choose…')}</option>
        {element.option_groups?.map((group, index) => (
          <optgroup key={index} label={plain(group.label.text)}>
            {group.options.map(asOption)}
          </optgroup>
        ))}
        {optionsOf(element, workspace).map(asOption)}
      </select>
    )
  }
  if (choiceTypes.includes(element.type) || multiSelects.includes(element.type)) {
    return <Choices {...props} value={value} set={set} options={allOptions(element, workspace)} />
  }
  const tell = (next: string) => {
    if (next !== startOf(element)) onChoose(next)
  }
  if (element.type === 'plain_text_input' && element.multiline === true) {
    return (
      <textarea
        {...common}
        rows={4}
        placeholder={element.placeholder?.text}
        onChange={({ target }) => set(target.value)}
        onBlur={({ target }) => tell(target.value)}
      />
    )
  }
  return (
    <input
      {...common}
      type={nativeTypes[element.type] ?? 'text'}
      step={element.type === 'number_input' && element.is_decimal_allowed === true ? 'any' : undefined}
      placeholder={element.placeholder?.text}
      autoComplete="off"
      onChange={({ target }) => set(target.value)}
      onBlur={({ target }) => tell(target.value)}
    />
  )
}

function Choices({
  element,
  onChoose,
  value,
  set,
  options,
  ...rest
}: FieldProps & {
  readonly value: string
  readonly set: (value: string) => void
  readonly options: readonly Option[]
}): ReactNode {
  const name = useId()
  const form = useForm()
  const radio = element.type === 'radio_buttons'
  const now = value.split(',').filter((one) => one !== '')
  const choose = (option: string, on: boolean, others: readonly string[]) => {
    const next = radio ? option : [...others.filter((one) => one !== option), ...(on ? [option] : [])].join(',')
    set(next)
    onChoose(next)
  }
  return (
    <div
      className="choices"
      id={rest.id}
      role={radio ? 'radiogroup' : 'group'}
      aria-labelledby={rest.labelledBy}
      aria-label={rest.labelledBy === undefined ? (element.placeholder?.text ?? element.action_id) : undefined}
      aria-describedby={rest.describedBy}
      data-action={element.action_id}
    >
      {options.map((option) => (
        <label key={option.value} className="choice">
          <input
            type={radio ? 'radio' : 'checkbox'}
            name={name}
            value={option.value}
            {...(form === undefined
              ? { defaultChecked: now.includes(option.value) }
              : { checked: now.includes(option.value) })}
            onChange={({ target }) => {
              const inputs = target.closest('.choices')?.querySelectorAll<HTMLInputElement>('input:checked') ?? []
              choose(option.value, target.checked, form === undefined ? [...inputs].map((input) => input.value) : now)
            }}
          />
          <span>
            <Words text={option.text} />
            {option.description !== undefined && (
              <span className="muted choice-more">
                <Words text={option.description} />
              </span>
            )}
          </span>
        </label>
      ))}
    </div>
  )
}

function asOption(option: Option): ReactNode {
  return (
    <option key={option.value} value={option.value}>
      {plain(option.text.text)}
    </option>
  )
}

function optionsOf(element: Element, { users, channels }: WorkspaceData): readonly Option[] {
  const named = (value: string, text: string): Option => ({ value, text: { type: 'plain_text', text } })
  if (element.type.includes('users_select')) {
    return users.filter((user) => !user.isBot).map((user) => named(user.id, user.realName))
  }
  if (/channels_select|conversations_select/.test(element.type)) {
    return channels
      .filter((channel) => channel.kind !== 'direct')
      .map((channel) => named(channel.id, `#${channel.name}`))
  }
  return element.options ?? []
}

function allOptions(element: Element, workspace: WorkspaceData): readonly Option[] {
  return [...optionsOf(element, workspace), ...(element.option_groups ?? []).flatMap((group) => group.options)]
}

/** What an element holds before anybody touches it. */
function startOf(element: Element): string {
  const many = element.initial_options?.map((option) => option.value) ?? element.initial_users
  const one =
    element.initial_option?.value ??
    element.initial_value ??
    element.initial_date ??
    element.initial_time ??
    element.initial_user ??
    element.initial_channel ??
    element.initial_conversation
  return many?.join(',') ?? one ?? ''
}
