import { renderBlocks } from './blocks.js'
import { confirmed, Dialog } from './dialog.js'
import { h, icon, safeUrl } from './dom.js'
import { loadEmoji, mrkdwn } from './markup.js'

// What this browser looks at; everything else comes from the server with every change.
const place = readPlace()
const look = {
  user: localStorage.getItem('user') ?? '',
  channel: place.channel,
  thread: place.thread,
  target: place.target,
  home: false,
  drawer: false,
}
const seen = JSON.parse(localStorage.getItem('seen') ?? '{}')
let state

function readPlace() {
  const [, channel = '', p = ''] = /\/archives\/([^/]+)(?:\/p(\d+))?/.exec(location.pathname) ?? []
  const ts = p === '' ? '' : `${p.slice(0, -6)}.${p.slice(-6)}`
  const thread = new URLSearchParams(location.search).get('thread_ts') ?? ''
  return { channel, thread, target: ts }
}

async function control(name, body) {
  const response = await fetch(`/control/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const answer = await response.json()
  if (!response.ok) notify(answer.error)
  return answer
}

let refreshing
let again = false
async function refresh() {
  if (refreshing !== undefined) {
    again = true
    return refreshing
  }
  refreshing = (async () => {
    do {
      again = false
      const response = await fetch(`/control/state?user=${encodeURIComponent(look.user)}`)
      state = await response.json()
      look.user = state.me
    } while (again)
  })()
  await refreshing
  refreshing = undefined
  draw()
}

const names = (id) =>
  state.users.find((user) => user.id === id)?.realName ??
  state.channels.find((channel) => channel.id === id)?.name ??
  state.userGroups.find((group) => group.id === id)?.handle

const shared = () => ({
  names,
  users: state.users,
  channels: state.channels.filter((channel) => channel.kind !== 'direct'),
})

const dialog = new Dialog({
  act: (element, value, values) =>
    withConfirm(element, () =>
      control('pressInView', { userId: look.user, actionId: element.action_id, value, values }),
    ),
  close: async (all) => {
    await control('closeView', { userId: look.user, all })
    await refresh()
  },
  submit: async (values) => {
    const result = await control('submitView', { userId: look.user, values })
    await refresh()
    return result
  },
  redraw: () => draw(),
})

async function withConfirm(element, act) {
  if (element.confirm !== undefined && !(await confirmed(element.confirm, names))) return
  await act()
}

// ── The frame, built once ────────────────────────────────────────────────────────────────────────

const sidebar = h('nav.sidebar', { 'aria-label': 'Channels' })
const title = h('header.title')
const stream = h('div.messages', { role: 'log', 'aria-label': 'Messages', tabIndex: 0 })
const composer = buildComposer()
const threadStream = h('div.messages', { role: 'log', 'aria-label': 'Thread' })
const threadTitle = h('header.title')
const threadPane = h('aside.thread', { hidden: true, 'aria-label': 'Thread' }, threadTitle, threadStream)
const banner = h('div.banner', { hidden: true, role: 'status' })
const toast = h('div.toast', { hidden: true, role: 'alert' })
const main = h('main', {}, title, banner, stream, composer.element)
const veil = h('div.veil', {
  onclick: () => {
    look.drawer = false
    draw()
  },
})

function notify(text) {
  toast.textContent = text
  toast.hidden = false
  setTimeout(() => (toast.hidden = true), 6000)
}

function current() {
  return state.channels.find((channel) => channel.id === look.channel)
}

function draw() {
  if (current() === undefined)
    look.channel = state.channels.find((channel) => channel.kind !== 'direct')?.id ?? state.channels[0].id
  const channel = current()
  document.body.classList.toggle('drawer', look.drawer)
  document.body.classList.toggle('threaded', look.thread !== '' && !look.home)
  banner.hidden = state.connections > 0 || state.http
  banner.textContent = 'No app is connected: commands will fail until the bot runs.'
  markSeen(channel)
  drawSidebar()
  if (look.home) drawHome()
  else drawChannel(channel)
  drawThread(channel)
  composer.update(channel)
  dialog.show(state.views.at(-1), shared())
  document.title = `${look.home ? 'Purser' : channelName(channel)} · Sandbox workspace`
}

function markSeen(channel) {
  if (document.hidden || look.home) return
  const last = channel.messages.at(-1)?.ts
  if (last === undefined) return
  seen[`${look.user} ${channel.id}`] = last
  localStorage.setItem('seen', JSON.stringify(seen))
}

function unread(channel) {
  const since = seen[`${look.user} ${channel.id}`] ?? ''
  return channel.messages.filter(
    (message) => message.ts > since && message.user !== look.user && message.thread_ts === undefined,
  ).length
}

function channelName(channel) {
  return channel.kind === 'direct' ? (names(state.bot) ?? 'App') : channel.name
}

function drawSidebar() {
  const entry = (channel) => {
    const count = unread(channel)
    const here = channel.id === look.channel && !look.home
    return h(
      'button.channel',
      {
        type: 'button',
        class: `${here ? 'here' : ''} ${count > 0 ? 'unread' : ''}`,
        'aria-current': here ? 'page' : undefined,
        onclick: () => visit(channel.id),
      },
      h('span.sign', {}, channel.kind === 'direct' ? '⚓' : channel.kind === 'private' ? icon('lock') : '#'),
      channelName(channel),
      count > 0 && !here && h('span.count', {}, count),
    )
  }
  const rooms = state.channels.filter((channel) => channel.kind !== 'direct')
  const direct = state.channels.filter((channel) => channel.kind === 'direct')
  sidebar.replaceChildren(
    h('div.workspace', {}, h('strong', {}, 'Sandbox'), h('span', {}, 'a workspace on this machine')),
    h('h3', {}, 'Channels'),
    ...rooms.map(entry),
    ...(direct.length > 0 ? [h('h3', {}, 'Direct messages'), ...direct.map(entry)] : []),
    h('h3', {}, 'Apps'),
    h(
      'button.channel',
      {
        type: 'button',
        class: look.home ? 'here' : '',
        onclick: () => {
          look.home = true
          look.drawer = false
          void control('openHome', { userId: look.user })
          draw()
        },
      },
      h('span.sign', {}, icon('home')),
      'Purser home',
    ),
    h(
      'div.people',
      {},
      h('h3', {}, 'You are'),
      h(
        'div.switch',
        { role: 'radiogroup', 'aria-label': 'You are' },
        state.users
          .filter((user) => !user.isBot)
          .map((user) =>
            h(
              'button.person',
              {
                type: 'button',
                role: 'radio',
                'aria-checked': user.id === look.user ? 'true' : 'false',
                onclick: () => become(user.id),
              },
              avatar(user.id),
              user.realName,
            ),
          ),
      ),
    ),
  )
}

function visit(channelId) {
  Object.assign(look, { channel: channelId, thread: '', home: false, drawer: false, target: '' })
  draw()
  stream.scrollTop = stream.scrollHeight
}

function become(userId) {
  look.user = userId
  localStorage.setItem('user', userId)
  void refresh()
}

function burger() {
  return h(
    'button.plain.burger',
    {
      type: 'button',
      'aria-label': 'Channels',
      onclick: () => {
        look.drawer = !look.drawer
        draw()
      },
    },
    '☰',
  )
}

function drawHome() {
  title.replaceChildren(burger(), h('h1', {}, 'Purser'), h('span.muted', {}, 'App Home'))
  composer.element.hidden = true
  const context = {
    ...shared(),
    act: (_block, element, value) =>
      withConfirm(element, () => control('pressInView', { userId: look.user, actionId: element.action_id, value })),
  }
  stream.replaceChildren(
    state.home === null
      ? h('div.empty', {}, 'The app has not published anything here yet.')
      : h('div.home', {}, renderBlocks(state.home.blocks, context)),
  )
  drawnIn.delete(stream)
}

function drawChannel(channel) {
  composer.element.hidden = false
  title.replaceChildren(
    burger(),
    h('h1', {}, channel.kind === 'direct' ? '' : h('span.sign', {}, '# '), channelName(channel)),
  )
  const top = channel.messages.filter((message) => message.thread_ts === undefined || message.reply_broadcast)
  drawMessages(stream, top, channel, true)
  if (top.length === 0) {
    stream.replaceChildren(
      h(
        'div.empty',
        {},
        h('p', {}, `This is the beginning of #${channel.name}.`),
        h('p', {}, 'Try ', h('code', {}, `${state.command} help`), '.'),
      ),
    )
    drawnIn.delete(stream)
  }
}

function drawThread(channel) {
  const root = channel.messages.find((message) => message.ts === look.thread)
  threadPane.hidden = root === undefined || look.home
  if (threadPane.hidden) return
  threadTitle.replaceChildren(
    h('h1', {}, 'Thread'),
    h('span.muted', {}, `#${channelName(channel)}`),
    h(
      'button.plain',
      {
        type: 'button',
        'aria-label': 'Close thread',
        onclick: () => {
          look.thread = ''
          draw()
        },
      },
      '✕',
    ),
  )
  const replies = channel.messages.filter((message) => message.thread_ts === look.thread)
  drawMessages(threadStream, [root, ...replies], channel, false)
}

// ── Messages: only what changed is drawn anew ────────────────────────────────────────────────────

const drawnIn = new Map()

function drawMessages(container, messages, channel, withReplies) {
  const before = drawnIn.get(container) ?? { key: '', items: new Map() }
  const key = `${channel.id} ${withReplies ? '' : look.thread}`
  const known = before.key === key ? before.items : new Map()
  const atEnd = container.scrollHeight - container.scrollTop - container.clientHeight < 80 || before.key !== key
  const items = new Map()
  let last
  const nodes = messages.map((message) => {
    const compact =
      last !== undefined &&
      last.user === message.user &&
      !message.is_ephemeral === !last.is_ephemeral &&
      Number(message.ts) - Number(last.ts) < 300 &&
      !(last.reply_count > 0)
    last = message
    const signature = JSON.stringify([message, compact, look.user])
    const old = known.get(message.ts)
    const node = old?.signature === signature ? old.node : messageNode(message, channel, withReplies, compact)
    items.set(message.ts, { signature, node })
    return node
  })
  nodes.forEach((node, index) => {
    if (container.childNodes[index] !== node) container.insertBefore(node, container.childNodes[index] ?? null)
  })
  while (container.childNodes.length > nodes.length) container.lastChild.remove()
  drawnIn.set(container, { key, items })
  if (look.target !== '' && items.has(look.target)) {
    items.get(look.target).node.scrollIntoView({ block: 'center' })
    items.get(look.target).node.classList.add('target')
    look.target = ''
  } else if (atEnd) container.scrollTop = container.scrollHeight
}

function messageNode(message, channel, withReplies, compact) {
  const user = state.users.find((known) => known.id === message.user)
  const act = (_block, element, value) =>
    withConfirm(element, async () => {
      const result = await control('press', {
        userId: look.user,
        channelId: channel.id,
        messageTs: message.ts,
        actionId: element.action_id,
        value,
      })
      if (result.ok === false) notify(`That did not work: ${result.error}`)
    })
  const at = new Date(Number(message.ts) * 1000)
  const time = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  const body =
    message.blocks === undefined
      ? h('div.text', {}, mrkdwn(message.text, names))
      : renderBlocks(message.blocks, { ...shared(), act })
  return h(
    'article.message',
    { class: `${compact ? 'compact' : ''} ${message.is_ephemeral ? 'ephemeral' : ''}`, 'data-ts': message.ts },
    compact ? h('time.aside', { datetime: at.toISOString() }, time) : avatar(message.user),
    h(
      'div.content',
      {},
      message.is_ephemeral && h('div.only', {}, icon('eye'), ' Only visible to you'),
      !compact &&
        h(
          'div.by',
          {},
          h('strong', {}, user?.realName ?? message.user),
          user?.isBot && h('span.app', {}, 'APP'),
          h('time', { datetime: at.toISOString(), title: at.toLocaleString() }, time),
        ),
      h('div.blocks', {}, body),
      message.edited && h('span.muted', {}, '(edited)'),
      (message.files ?? []).map((file) =>
        h(
          'a.file',
          { href: safeUrl(file.url), download: file.name },
          h('span.file-icon', {}, icon('file')),
          h('span', {}, h('strong', {}, file.title), h('span.muted', {}, `${file.name} · ${sizeOf(file.size)}`)),
        ),
      ),
      withReplies &&
        message.reply_count > 0 &&
        h(
          'button.replies',
          { type: 'button', onclick: () => openThread(message.ts) },
          `${message.reply_count} ${message.reply_count === 1 ? 'reply' : 'replies'}`,
          h('span.muted', {}, ' View thread'),
        ),
    ),
  )
}

function openThread(ts) {
  look.thread = ts
  draw()
}

function sizeOf(bytes) {
  return bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} kB`
}

function avatar(userId) {
  const user = state.users.find((known) => known.id === userId)
  const hue = [...userId].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7)
  return h(
    'span.avatar',
    { class: user?.isBot ? 'bot' : '', style: user?.isBot ? undefined : `--hue:${hue}`, 'aria-hidden': 'true' },
    user?.isBot ? '⚓' : (user?.realName ?? '?').slice(0, 1),
  )
}

// ── The composer ─────────────────────────────────────────────────────────────────────────────────

function buildComposer() {
  const box = h('textarea', { rows: 1, 'aria-label': 'Message', autocomplete: 'off', spellcheck: 'false' })
  const hints = h('ul.hints', { hidden: true, role: 'listbox', 'aria-label': 'Commands' })
  const element = h(
    'form.composer',
    {},
    hints,
    h('div.box', {}, box, h('button.send', { type: 'submit', 'aria-label': 'Send' }, icon('send'))),
  )
  let offered = []
  let chosen = 0

  const offer = () => {
    const typed = box.value
    offered =
      typed.startsWith('/') && !typed.includes('\n') ? state.commandHints.filter((hint) => matches(hint, typed)) : []
    chosen = Math.min(chosen, Math.max(offered.length - 1, 0))
    hints.hidden = offered.length === 0
    hints.replaceChildren(
      ...offered.map((hint, index) =>
        h(
          'li',
          {
            role: 'option',
            'aria-selected': index === chosen ? 'true' : 'false',
            onmousedown: (event) => {
              event.preventDefault()
              complete(hint)
            },
          },
          h(
            'span.usage',
            {},
            `${state.command} `,
            h('strong', {}, hint.usage.split(' ')[0]),
            ` ${hint.usage.split(' ').slice(1).join(' ')}`,
          ),
          h('span.muted', {}, hint.description),
        ),
      ),
    )
    box.style.height = 'auto'
    box.style.height = `${Math.min(box.scrollHeight, 160)}px`
  }
  const wordOf = (hint) => `${state.command} ${hint.usage.split(' ')[0]}`
  const matches = (hint, typed) => {
    const full = wordOf(hint)
    return typed.length <= full.length
      ? full.startsWith(typed)
      : typed.startsWith(`${full} `) && hint.usage.includes(' ')
  }
  const complete = (hint) => {
    box.value = wordOf(hint) + (hint.usage.includes(' ') ? ' ' : '')
    offer()
    box.focus()
  }
  const send = async () => {
    const text = box.value.trim()
    if (text === '') return
    box.value = ''
    offer()
    await control('type', { userId: look.user, channelId: look.channel, text })
  }
  box.addEventListener('input', offer)
  box.addEventListener('blur', () => (hints.hidden = true))
  box.addEventListener('keydown', (event) => {
    const open = !hints.hidden
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      void send()
    } else if (event.key === 'Tab' && open && box.value.trimEnd() !== wordOf(offered[chosen])) {
      event.preventDefault()
      complete(offered[chosen])
    } else if (open && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault()
      chosen = (chosen + (event.key === 'ArrowDown' ? 1 : offered.length - 1)) % offered.length
      offer()
    } else if (event.key === 'Escape') hints.hidden = true
  })
  element.addEventListener('submit', (event) => {
    event.preventDefault()
    void send()
  })
  return {
    element,
    update: (channel) =>
      (box.placeholder = `Message ${channel.kind === 'direct' ? '' : '#'}${channelName(channel)}, or ${state.command}`),
  }
}

await loadEmoji()
document.getElementById('app').replaceWith(sidebar, veil, main, threadPane, toast)
await refresh()
const events = new EventSource('/control/events')
events.addEventListener('message', () => void refresh())
document.addEventListener('visibilitychange', () => void refresh())
