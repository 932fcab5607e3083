-- Calls that their sender sends again where no answer came. Each is numbered; the last number of its sender, and what was answered, are kept
-- for a while: numbered-calls.ts.

-- What to answer to a call that was applied before, or that comes after a later one of its sender; else nil.
local function answered_before(now)
  local number, answer = string.match(redis.call('GET', key.caller) or '', '^(%d+) (.*)$')
  if not number or tonumber(number) < tonumber(arg.number) then return nil end
  if tonumber(number) > tonumber(arg.number) then
    return refuse('STALE_REQUEST', 'A later call of this sender has been answered already.')
  end
  return { int(now), answer }
end

local function answer_once(now, answer)
  redis.call('SET', key.caller, int(tonumber(arg.number)) .. ' ' .. answer, 'PX', arg.caller_ttl)
  return { int(now), answer }
end
