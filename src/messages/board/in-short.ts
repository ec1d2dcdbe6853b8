import type { ThreadPost } from '../../model/post.ts'
import type { Run } from '../../model/run.ts'
import { actions, message, type Message, paragraph, words } from '../blocks/message.ts'
import { buttonsFor } from './actions.ts'
import { stateWords, subject } from './status-words.ts'

/** Says what a run is and its state, with its buttons: for when the whole board cannot be drawn. */
export function boardInShort(
  run: Run,
  view: { readonly now: Date; readonly rollbackUntil: Date | undefined },
): Message {
  const text = `#${run.number} ${words(subject(run), 250)}: ${words(stateWords(run), 100)}. The rest of this board couldn't be shown.`
  return message(text, [paragraph(text), ...actions(buttonsFor(run, view.now, view.rollbackUntil))])
}

/** The same for a reply in the thread. */
export function postInShort(post: ThreadPost, run: Run): Message {
  const text = `${words(subject(run), 250)} (run #${run.number}): a message about it (${words(post.kind.replaceAll('_', ' '), 40)}) couldn't be shown. See the board for the state of the run.`
  return message(text, [paragraph(text)])
}
