import { chartBlock } from './charts.js'
import { h, safeUrl } from './dom.js'
import { date, emojiOf, link, markdown, mention, mrkdwn, plain } from './markup.js'

/**
 * Draws blocks. `context` has `names(id)`, `users`, `act(block, element, value)` for presses and choices, and inside a
 * dialog `values` (a Map `block/action` → value) and `errors`.
 */
export function renderBlocks(blocks, context) {
  return blocks.map((block) => {
    const draw = drawers[block.type]
    return draw === undefined ? h('div.unknown', {}, `[${block.type}]`) : draw(block, context)
  })
}

function text(part, context) {
  if (part === undefined || part === null) return ''
  if (typeof part === 'string') return plain(part)
  if (part.type === 'rich_text') return richText(part, context)
  return part.type === 'mrkdwn' ? mrkdwn(part.text, context.names) : plain(part.text)
}

const drawers = {
  header: (block, context) =>
    h(block.level === undefined ? 'h2.header' : `h${block.level + 1}.header`, {}, text(block.text, context)),
  section: (block, context) =>
    h(
      'div.section',
      {},
      h(
        'div.section-body',
        {},
        block.text && h('div.text', {}, text(block.text, context)),
        block.fields &&
          h(
            'div.fields',
            {},
            block.fields.map((field) => h('div.text', {}, text(field, context))),
          ),
      ),
      block.accessory && h('div.accessory', {}, element(block, block.accessory, context)),
    ),
  context: (block, context) =>
    h(
      'div.context',
      {},
      block.elements.map((part) => (part.type === 'image' ? image(part) : h('span.text', {}, text(part, context)))),
    ),
  actions: (block, context) =>
    h(
      'div.actions',
      {},
      block.elements.map((part) => element(block, part, context)),
    ),
  context_actions: (block, context) =>
    h(
      'div.actions',
      {},
      block.elements.map((part) => element(block, part, context)),
    ),
  divider: () => h('hr'),
  image: (block, context) =>
    h('figure.image', {}, block.title && h('figcaption', {}, text(block.title, context)), image(block)),
  markdown: (block, context) => h('div.markdown', {}, markdown(block.text, context.names)),
  rich_text: (block, context) => richText(block, context),
  table: (block, context) => table(block, context),
  data_table: (block, context) => h('figure', {}, h('figcaption', {}, block.caption), table(block, context)),
  plan,
  task_card: (block, context) => h('div.plan', {}, h('ol', {}, task(block, context))),
  data_visualization: (block) => chartBlock(block),
  alert: (block, context) =>
    h(`div.alert`, { class: `alert-${block.level ?? 'default'}`, role: 'note' }, text(block.text, context)),
  card,
  carousel: (block, context) =>
    h(
      'div.carousel',
      {},
      block.elements.map((one) => card(one, context)),
    ),
  container: (block, context) =>
    h(
      'details.container',
      { open: block.default_collapsed !== true },
      h('summary', {}, text(block.title ?? block.rich_text_title, context)),
      renderBlocks(block.child_blocks, context),
    ),
  input: inputBlock,
}

function card(block, context) {
  return h(
    'div.card',
    {},
    block.hero_image && image(block.hero_image),
    block.title && h('strong', {}, text(block.title, context)),
    block.subtitle && h('div.muted', {}, text(block.subtitle, context)),
    block.body && h('div', {}, text(block.body, context)),
    block.subtext && h('div.muted', {}, text(block.subtext, context)),
    block.actions &&
      h(
        'div.actions',
        {},
        block.actions.map((one) => element(block, one, context)),
      ),
  )
}

const taskWords = { pending: 'waiting', in_progress: 'running', complete: 'done', error: 'failed' }

function plan(block, context) {
  const tasks = block.tasks ?? []
  const done = tasks.filter((one) => one.status === 'complete').length
  return h(
    'div.plan',
    {},
    h(
      'div.plan-title',
      {},
      h('strong', {}, plain(block.title)),
      h('span.muted', {}, tasks.length > 0 ? `${done} of ${tasks.length}` : ''),
    ),
    h(
      'ol',
      {},
      tasks.map((one) => task(one, context)),
    ),
  )
}

function task(one, context) {
  const status = one.status ?? 'pending'
  return h(
    'li.task',
    { class: `task-${status}` },
    h('span.mark', { role: 'img', 'aria-label': taskWords[status], title: taskWords[status] }),
    h(
      'div.task-body',
      {},
      h('div.task-title', {}, plain(one.title)),
      one.details && h('div.task-details', {}, richText(one.details, context)),
      one.output && h('div.task-details', {}, richText(one.output, context)),
      one.sources &&
        h(
          'div.task-details',
          {},
          one.sources.map((source) => [link(source.url, source.text), ' ']),
        ),
    ),
  )
}

function table(block, context) {
  const align = (column) => block.column_settings?.[column]?.align ?? 'left'
  const row = (cells, tag) =>
    h(
      'tr',
      {},
      cells.map((cell, column) =>
        h(
          tag,
          { style: `text-align:${align(column)}` },
          cell.type === 'rich_text'
            ? richText(cell, context)
            : cell.type === 'raw_number'
              ? (cell.text ?? cell.value)
              : cell.text,
        ),
      ),
    )
  const [head, ...rest] = block.rows
  return h(
    'div.scroll',
    {},
    h(
      'table',
      {},
      h('thead', {}, row(head, 'th')),
      h(
        'tbody',
        {},
        rest.map((cells) => row(cells, 'td')),
      ),
    ),
  )
}

function richText(block, context) {
  return h(
    'div.rich',
    {},
    block.elements.map((part) => {
      const inner = () => part.elements.map((piece) => richPiece(piece, context))
      if (part.type === 'rich_text_preformatted') return h('pre', {}, inner())
      if (part.type === 'rich_text_quote') return h('blockquote', {}, inner())
      if (part.type === 'rich_text_list') {
        const items = part.elements.map((item) =>
          h(
            'li',
            {},
            item.elements.map((piece) => richPiece(piece, context)),
          ),
        )
        return h(part.style === 'ordered' ? 'ol' : 'ul', { style: `margin-left:${(part.indent ?? 0) * 20}px` }, items)
      }
      return h('div', {}, inner())
    }),
  )
}

function richPiece(piece, context) {
  const { names } = context
  let node
  if (piece.type === 'emoji') node = emojiOf(piece.name)
  else if (piece.type === 'link') node = link(piece.url, piece.text)
  else if (piece.type === 'user') node = mention(`@${names(piece.user_id) ?? piece.user_id}`)
  else if (piece.type === 'usergroup') node = mention(`@${names(piece.usergroup_id) ?? piece.usergroup_id}`)
  else if (piece.type === 'channel') node = mention(`#${names(piece.channel_id) ?? piece.channel_id}`)
  else if (piece.type === 'broadcast') node = mention(`@${piece.range}`)
  else if (piece.type === 'date') node = date(piece.timestamp, piece.format, piece.fallback)
  else node = piece.text ?? piece.value ?? ''
  const style = piece.style ?? {}
  if (style.code) node = h('code', {}, node)
  if (style.bold) node = h('strong', {}, node)
  if (style.italic) node = h('em', {}, node)
  if (style.strike) node = h('s', {}, node)
  if (style.underline) node = h('u', {}, node)
  return node
}

function image(part) {
  const url = safeUrl(part.image_url ?? part.slack_file?.url ?? '')
  return url === undefined
    ? h('span.muted', {}, part.alt_text)
    : h('img', { src: url, alt: part.alt_text, loading: 'lazy' })
}

// ── Elements ─────────────────────────────────────────────────────────────────────────────────────

function element(block, part, context) {
  const act = (value) => context.act(block, part, value)
  if (part.type === 'image') return image(part)
  if (part.type === 'button' || part.type === 'icon_button') {
    return h(
      'button.button',
      {
        type: 'button',
        class: part.style ?? '',
        'data-action': part.action_id,
        'aria-label': part.accessibility_label,
        onclick: () => {
          const url = safeUrl(part.url ?? '')
          if (url !== undefined) window.open(url, '_blank', 'noopener')
          act(part.value)
        },
      },
      text(part.text, context),
    )
  }
  if (part.type === 'overflow') {
    return h(
      'details.overflow',
      {},
      h('summary', { 'aria-label': 'More' }, '⋯'),
      h(
        'div.menu',
        {},
        part.options.map((option) =>
          h('button', { type: 'button', onclick: () => act(option.value) }, text(option.text, context)),
        ),
      ),
    )
  }
  if (part.type === 'feedback_buttons') {
    return [part.positive_button, part.negative_button].map((one) =>
      h('button.button', { type: 'button', onclick: () => act(one.value) }, text(one.text, context)),
    )
  }
  return field(block, part, context, act)
}

export function keyOf(block, part) {
  return `${block.block_id}/${part.action_id}`
}

function inputBlock(block, context) {
  const part = block.element
  const error = context.errors?.[block.block_id]
  const id = `in-${keyOf(block, part)}`
  const dispatch = block.dispatch_action === true ? (value) => context.act(block, part, value) : () => {}
  return h(
    'div.input',
    { class: error ? 'wrong' : '' },
    h('label', { for: id }, text(block.label, context), block.optional === true && h('span.muted', {}, ' (optional)')),
    field(block, part, context, dispatch, id),
    error && h('div.error', { role: 'alert', id: `${id}-error` }, error),
    block.hint && h('div.hint', {}, text(block.hint, context)),
  )
}

/** An element that holds a value. The value is kept in `context.values`, so that a redrawn dialog keeps it. */
function field(block, part, context, act, id) {
  const key = keyOf(block, part)
  const values = context.values ?? new Map()
  const kept = (initial) => (values.has(key) ? values.get(key) : (initial ?? ''))
  const set = (value, silent) => {
    values.set(key, value)
    if (silent !== true) act(value)
  }
  const common = {
    id,
    'data-action': part.action_id,
    'aria-label': id === undefined ? (part.placeholder?.text ?? part.action_id) : undefined,
  }
  const placeholder = part.placeholder?.text
  switch (part.type) {
    case 'plain_text_input': {
      const attributes = {
        ...common,
        placeholder,
        autofocus: part.focus_on_load === true,
        oninput: (event) => set(event.target.value, true),
        onchange: (event) => set(event.target.value),
      }
      const box =
        part.multiline === true
          ? h('textarea', { ...attributes, rows: '4' })
          : h('input', { ...attributes, type: 'text' })
      box.value = kept(part.initial_value)
      return box
    }
    case 'static_select':
    case 'users_select':
    case 'conversations_select':
    case 'channels_select':
      return select(part, common, kept, set, context)
    case 'multi_static_select':
    case 'multi_users_select':
      return choices({ ...part, options: entries(part, context) }, 'checkbox', key, kept, set, context)
    case 'radio_buttons':
      return choices(part, 'radio', key, kept, set, context)
    case 'checkboxes':
      return choices(part, 'checkbox', key, kept, set, context)
    default: {
      const types = {
        datepicker: 'date',
        timepicker: 'time',
        number_input: 'number',
        email_text_input: 'email',
        url_text_input: 'url',
      }
      const box = h('input', {
        ...common,
        type: types[part.type] ?? 'text',
        placeholder,
        onchange: (event) => set(event.target.value),
      })
      box.value = kept(part.initial_value ?? part.initial_date ?? part.initial_time)
      return box
    }
  }
}

function entries(part, context) {
  if (/users_select/.test(part.type)) {
    return context.users
      .filter((user) => !user.isBot)
      .map((user) => ({ value: user.id, text: { type: 'plain_text', text: user.realName } }))
  }
  if (/channels_select|conversations_select/.test(part.type)) {
    return context.channels.map((channel) => ({
      value: channel.id,
      text: { type: 'plain_text', text: `#${channel.name}` },
    }))
  }
  return part.options ?? []
}

function select(part, common, kept, set, context) {
  const option = (entry) => h('option', { value: entry.value }, plain(entry.text.text))
  const groups = part.option_groups?.map((group) =>
    h('optgroup', { label: group.label.text }, group.options.map(option)),
  )
  const box = h(
    'select',
    { ...common, onchange: (event) => set(event.target.value) },
    h('option', { value: '' }, part.placeholder?.text ?? 'Choose…'),
    groups ?? entries(part, context).map(option),
  )
  box.value = kept(part.initial_option?.value ?? part.initial_user ?? part.initial_channel ?? part.initial_conversation)
  return box
}

function choices(part, kind, key, kept, set, context) {
  const initial =
    kind === 'radio'
      ? part.initial_option?.value
      : (part.initial_options ?? part.initial_users ?? []).map((one) => one.value ?? one).join(',')
  const now = new Set(String(kept(initial)).split(',').filter(Boolean))
  return h(
    'div.choices',
    { 'data-action': part.action_id, role: kind === 'radio' ? 'radiogroup' : 'group' },
    part.options.map((option) =>
      h(
        'label.choice',
        {},
        h('input', {
          type: kind,
          name: key,
          value: option.value,
          checked: now.has(option.value),
          onchange: (event) => {
            if (kind === 'radio') now.clear()
            if (event.target.checked) now.add(option.value)
            else now.delete(option.value)
            set([...now].join(','))
          },
        }),
        h(
          'span',
          {},
          text(option.text, context),
          option.description && h('div.muted', {}, text(option.description, context)),
        ),
      ),
    ),
  )
}
