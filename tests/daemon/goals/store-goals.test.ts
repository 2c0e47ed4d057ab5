import { goalsContract } from '../../contracts/goals.ts'
import { openRoom } from '../../scenarios/daemon-room.ts'

goalsContract('the store', async () => (await openRoom()).daemon.goals)
