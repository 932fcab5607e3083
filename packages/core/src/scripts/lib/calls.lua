-- How a step calls Redis. It is whole or it is not: Redis takes nothing back of what a script has written before it fails.
--
-- Until `step.begin()` a key of another type than ours makes the step fail with an error that names it, and nothing is written. From then on it goes, as one
-- that somebody put there by hand, which is told, and the step goes on as if it had not been there: what stood there before is gone in any case.
-- What all work hangs on and stands nowhere else is asked for by begin(): definitions, enqueued runs, and fire times that are written. Where one of these
-- is of another type, going on would forget what can still be put right.

local step = {}
local redis = redis

do
  local raw, pcall, type = redis, redis.pcall, type
  local has_begun = false
  local foreign = {} -- keys that were deleted, and are still to be told of

  local function fail(reply, own)
    if type(own) == 'string' and string.find(reply.err, '^WRONGTYPE') then
      reply.err = 'WRONGTYPE ' .. own .. ' is of another type than Escapement keeps there. Rename it; see escapement doctor.'
    end
    error(reply)
  end

  local function call_again(reply, name, own, ...)
    if not has_begun or not string.find(reply.err, '^WRONGTYPE') then fail(reply, own) end
    local gone = pcall('UNLINK', own)
    if type(gone) == 'table' and gone.err then fail(reply, own) end
    foreign[#foreign + 1] = string.match(own, '}:(.+)$')
    return raw.call(name, own, ...)
  end

  local function call(...)
    local reply = pcall(...)
    if type(reply) == 'table' and reply.err then return call_again(reply, ...) end
    return reply
  end
  -- direct: for what each run calls, of commands that take a key of any type and of keys that this step has just read.
  redis = { call = call, direct = raw.call, pcall = pcall }

  local length = { jobs = 'HLEN', runs = 'HLEN', unstarted = 'ZCARD' }

  -- The step will write from here on. The names: what it works with, of `jobs`, `runs` and `unstarted`, and has not read yet.
  function step.begin(...)
    for _, name in ipairs({ ... }) do call(length[name], key[name]) end
    has_begun = true
  end

  -- The next key that was deleted, behind its prefix; nil: there is none that has not been asked for.
  function step.next_foreign() return table.remove(foreign, 1) end
end
