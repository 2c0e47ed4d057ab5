import { agentContract } from '../../contracts/agent.ts'
import { scriptedProfile } from '../../fakes/scripted-agent.ts'

agentContract('scripted agent', async () => ({ profile: scriptedProfile(), model: null }))
