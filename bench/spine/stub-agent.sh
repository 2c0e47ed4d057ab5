#!/bin/sh
# An ACP program that costs next to nothing to start: what is measured with it is Claw. The prompt says what to
# do as `STUB:<seconds>:<file>;`. Sleeps, writes the file, ends its turn.
while IFS= read -r line; do
  id=${line#*\"id\":}
  id=${id%%[,\}]*}
  case $line in
    *'"method":"initialize"'*) answer='{"protocolVersion":1,"agentInfo":{"name":"stub","version":"1"},"agentCapabilities":{},"authMethods":[]}' ;;
    *'"method":"session/new"'*) answer="{\"sessionId\":\"stub-$$\"}" ;;
    *'"method":"session/prompt"'*)
      order=${line#*STUB:}
      seconds=${order%%:*}
      file=${order#*:}
      file=${file%%;*}
      [ "$seconds" = 0 ] || sleep "$seconds"
      echo "$file was here" > "$file"
      printf '%s\n' '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"stub-'$$'","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"done"}}}}'
      answer='{"stopReason":"end_turn"}'
      ;;
    *) continue ;;
  esac
  printf '%s\n' "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":$answer}"
done
