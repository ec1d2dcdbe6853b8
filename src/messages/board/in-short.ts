import type { ThreadPost } from '../../model/post.ts'
import type { Run } from '../../model/run.ts'
import { actions, message, type Message, paragraph, words } from '../blocks/message.ts'
import { buttonsFor } from './actions.ts'
import { stateWords, subject, title } from './status-words.ts'

/** Says what a run is and how it stands, with its buttons: for when the board as it should be cannot be drawn. */
export function boardInShort(
  run: Run,
  view: { readonly now: Date; readonly rollbackUntil: Date | undefined },
): Message {
  const text = `#${run.number} ${words(title(run), 250)}: ${words(stateWords(run), 100)}. The rest of this board could not be drawn.`
  return message(text, [paragraph(text), ...actions(buttonsFor(run, view.now, view.rollbackUntil))])
}

/** The same for a reply in the thread. */
export function postInShort(post: ThreadPost, run: Run): Message {
  const text = `${words(subject(run), 250)} (run #${run.number}): a message about it (${words(post.kind.replaceAll('_', ' '), 40)}) could not be drawn. The board tells how the run stands.`
  return message(text, [paragraph(text)])
}
