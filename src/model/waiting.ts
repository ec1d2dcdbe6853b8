/** How the line of a queued phase begins that waits for something; another line is what it did before. */
export const waits = 'waits:'
