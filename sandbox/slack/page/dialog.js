import { renderBlocks } from './blocks.js'
import { h } from './dom.js'
import { plain } from './markup.js'

/** Asks "are you sure?" as a `confirm` object says; resolves to the answer. */
export function confirmed(confirm, names) {
  return new Promise((resolve) => {
    const box = h('dialog.confirm', { 'aria-label': confirm.title.text })
    const end = (answer) => {
      box.close()
      box.remove()
      resolve(answer)
    }
    const words = renderBlocks([{ type: 'section', text: confirm.text }], { names, act() {} })
    box.append(
      h('h2', {}, plain(confirm.title.text)),
      ...words,
      h(
        'div.foot',
        {},
        h('button.button', { type: 'button', onclick: () => end(false) }, plain(confirm.deny.text)),
        h(
          'button.button',
          { type: 'button', class: confirm.style ?? 'primary', onclick: () => end(true) },
          plain(confirm.confirm.text),
        ),
      ),
    )
    box.addEventListener('cancel', () => end(false))
    document.body.append(box)
    box.showModal()
  })
}

/** The dialog on top of the person's screen. It is drawn anew only when the view changes; what was typed stays. */
export class Dialog {
  #box
  #drawn = ''
  #values = new Map()
  #viewId = ''
  #errors = {}
  #busy = false
  #deps

  constructor(deps) {
    this.#deps = deps
  }

  show(view, context) {
    const state = view === undefined ? '' : JSON.stringify([view.hash, this.#errors, this.#busy])
    if (state === this.#drawn) return
    this.#drawn = state
    if (view === undefined) return this.#close()
    if (view.id !== this.#viewId) {
      this.#viewId = view.id
      this.#values = new Map()
      this.#errors = {}
    }
    const box = this.#open()
    const values = this.#values
    const blocks = renderBlocks(view.blocks, {
      ...context,
      values,
      errors: this.#errors,
      act: (_block, element, value) => this.#deps.act(element, value, grouped(values)),
    })
    box.replaceChildren(
      h(
        'form',
        {
          method: 'dialog',
          novalidate: true,
          onsubmit: (event) => {
            event.preventDefault()
            void this.#submit(view, context)
          },
        },
        h(
          'header.head',
          {},
          h('h2', {}, plain(view.title?.text ?? '')),
          h('button.plain', { type: 'button', 'aria-label': 'Close', onclick: () => this.#deps.close(true) }, '✕'),
        ),
        h('div.body', {}, blocks, this.#errors[''] && h('div.error', { role: 'alert' }, this.#errors[''])),
        h(
          'div.foot',
          {},
          h(
            'button.button',
            { type: 'button', onclick: () => this.#deps.close(false) },
            plain(view.close?.text ?? (view.submit ? 'Cancel' : 'Close')),
          ),
          view.submit &&
            h(
              'button.button.primary',
              { type: 'submit', disabled: this.#busy },
              this.#busy ? 'One moment…' : plain(view.submit.text),
            ),
        ),
      ),
    )
    box.setAttribute('aria-label', view.title?.text ?? 'Dialog')
    box.querySelector('.wrong input, .wrong textarea, .wrong select, [autofocus]')?.focus()
  }

  #open() {
    if (this.#box !== undefined) return this.#box
    const box = h('dialog.modal')
    box.addEventListener('cancel', (event) => {
      event.preventDefault()
      this.#deps.close(false)
    })
    document.body.append(box)
    this.#box = box
    box.showModal()
    return box
  }

  #close() {
    this.#box?.close()
    this.#box?.remove()
    this.#box = undefined
    this.#viewId = ''
    this.#errors = {}
  }

  async #submit(view, context) {
    if (this.#busy) return
    this.#busy = true
    this.show(view, context)
    const result = await this.#deps.submit(grouped(this.#values))
    this.#busy = false
    this.#errors = result.errors ?? (result.error === undefined ? {} : { '': `That did not work: ${result.error}` })
    this.#deps.redraw()
  }
}

function grouped(values) {
  const result = {}
  for (const [key, value] of values) {
    const [block, ...action] = key.split('/')
    result[block] = { ...result[block], [action.join('/')]: value }
  }
  return result
}
