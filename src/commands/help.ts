import { help } from '../messages/answers/answers.ts'
import { grammar } from './grammar.ts'
import { type Answer, tell } from './respond.ts'

/** `/billing help` */
export function showHelp(): Answer {
  return tell(help(grammar))
}
