import { useCallback } from 'react'
import type { Message } from '../model.ts'
import type { Confirm, Element } from './blocks/parts.ts'
import { control } from './feed.ts'

export type Press = (message: Message, element: Element, value: string | undefined) => Promise<void>

/** Lets somebody press a button or choose from a menu of a message, after its own question if it has one. */
export function usePress(
  ask: (confirm: Confirm | undefined) => Promise<boolean>,
  tell: (text: string) => void,
): (userId: string) => Press {
  return useCallback(
    (userId) => async (message, element, value) => {
      if (!(await ask(element.confirm))) return
      const answer = await control('press', {
        userId,
        channelId: message.channel,
        messageTs: message.ts,
        actionId: element.action_id,
        value,
      })
      if (answer.error !== undefined) tell(`That did not work: ${answer.error}`)
    },
    [ask, tell],
  )
}
